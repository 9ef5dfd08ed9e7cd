//! The Lambda binary of [`daily_session_metrics::handle`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::serve(module_path!(), daily_session_metrics::handle).await
}
