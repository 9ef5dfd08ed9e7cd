//! The Lambda binary of [`end_other_sessions::handle`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::serve(module_path!(), end_other_sessions::handle).await
}
