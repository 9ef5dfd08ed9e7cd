//! The handler that is deployed, with the SDK, its configuration and the runtime as they come.

use std::{env, sync::Arc};

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::Client;
use lambda_http::{Error, Request, service_fn};
use shared::{
    clock::Clock, dynamodb::client::FromEnvironment, logging::UserNames, sessions::App, settings::Environment,
};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let client = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    let variable = |name: &str| env::var(name).ok();
    let app = Arc::new(App::from_environment(&Environment::new(&variable), client, Clock::system())?);
    lambda_http::run(service_fn(move |request: Request| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Error>(shared::answer(heartbeat::handle, app, UserNames::Hash, request).await) }
    }))
    .await
}
