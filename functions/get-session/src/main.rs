//! The Lambda binary of [`get_session::handle`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::serve(module_path!(), get_session::handle).await
}
