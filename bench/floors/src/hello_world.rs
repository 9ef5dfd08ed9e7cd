//! The floor of a function: `lambda_http`, and an answer that needs nothing.

use lambda_http::{Error, Request, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(async |_: Request| {
        Ok::<_, Error>(Response::new(r#"{"status":"active","needsNewSession":false}"#.to_owned()))
    }))
    .await
}
