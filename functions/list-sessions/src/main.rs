//! The Lambda binary of [`list_sessions::handle`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::serve(module_path!(), list_sessions::handle).await
}
