//! The Lambda binary of [`content_engaged::handle`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::serve(module_path!(), content_engaged::handle).await
}
