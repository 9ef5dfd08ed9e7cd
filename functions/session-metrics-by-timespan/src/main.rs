//! The Lambda binary of [`session_metrics_by_timespan::handle`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::serve(module_path!(), session_metrics_by_timespan::handle).await
}
