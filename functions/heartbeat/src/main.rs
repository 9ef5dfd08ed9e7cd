//! The Lambda binary of [`heartbeat::handle`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::serve(module_path!(), heartbeat::handle).await
}
