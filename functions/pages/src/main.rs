//! The Lambda binary of [`pages::handle`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::serve_without_table(module_path!(), pages::handle).await
}
