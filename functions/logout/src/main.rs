//! The Lambda binary of [`logout::handle`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::serve(logout::handle).await
}
