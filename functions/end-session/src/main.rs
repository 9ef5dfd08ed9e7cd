//! The Lambda binary of [`end_session::handle`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::serve(module_path!(), end_session::handle).await
}
