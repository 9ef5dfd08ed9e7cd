//! The Lambda binary of [`rollup::handle`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    Box::pin(shared::serve_stream(module_path!(), rollup::handle)).await
}
