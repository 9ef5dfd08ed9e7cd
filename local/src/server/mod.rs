//! The server: puts gateway, functions, streams, engine and identity together.

mod demo;
mod gateway;
mod guard;
mod handlers;
mod listeners;
mod options;
mod sample;
mod service;
mod streams;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Result;
use aws_sdk_dynamodb::Client;
use axum::{Router, response::Redirect, routing::get};
use reqwest::Url;
use tokio::{net::TcpListener, task::AbortHandle};

use self::{guard::Guard, options::Place, service::Service};
pub use self::{
    guard::{HostName, Origin},
    options::Options,
};
pub(crate) use self::{handlers::readers, service::connect, streams::pumps};
use crate::{
    engine::Connected,
    identity::{Authorizer, Development},
    template::Template,
};

/// A running server; it ends when it is dropped.
pub struct Server {
    /// Where it is for this machine, whichever address it listens on: `http://localhost:PORT`.
    pub url: String,
    /// Where its engine listens, on this machine or in an account. The embedded one does so only for one who has set
    /// `Options::http_client`.
    pub engine_url: Url,
    /// A client of its engine, with no function's permissions but all.
    pub client: Client,
    /// What it serves, and by which names its tables go.
    pub template: Template,
    listening: Vec<AbortHandle>,
    _service: Service,
}

impl Server {
    /// Starts a server, which answers when this returns.
    pub async fn start(options: Options) -> Result<Self> {
        let (port, listeners) = listeners::listen(options.port, options.listen).await?;
        let url = format!("http://localhost:{port}");
        let place = Place { api: url.clone(), provider: url.clone() };
        let template = options.read_template(Some(&place))?;
        let (authorizer, provider) = authorizer(&options, &template, &url).await?;
        let authorizer = Arc::new(authorizer);
        let front = if options.demo { demo::page() } else { to_the_dashboard() };
        let beside = provider.merge(front);
        let service = Box::pin(Service::start(&options, template, Arc::clone(&authorizer), beside)).await?;
        let mut router = service.router.clone();
        if options.demo {
            let place = Place { api: format!("{url}/demo"), provider: url.clone() };
            router = router.nest_service("/demo", Box::pin(demo::router(&options, place, authorizer)).await?);
        }
        let guard = Guard { hosts: options.allow_hosts.clone(), origins: options.allow_origins.clone() };
        guard.warn_of(&service.template.api.cors().allow_origins);
        let router = guard.before(router);
        let serve = |listener| tokio::spawn(serve(listener, router.clone())).abort_handle();
        let listening = listeners.into_iter().map(serve).collect();
        let Service { engine: Connected { url: engine_url, client, .. }, template, .. } = &service;
        let (engine_url, client, template) = (engine_url.clone(), client.clone(), template.clone());
        Ok(Self { url, engine_url, client, template, listening, _service: service })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listening.iter().for_each(AbortHandle::abort);
    }
}

/// What stands at `/` where there is no demo.
fn to_the_dashboard() -> Router {
    Router::new().route("/", get(async || Redirect::temporary("/dashboard")))
}

async fn serve(listener: TcpListener, router: Router) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(cause) = axum::serve(listener, service).await {
        tracing::error!(%cause, "the server failed");
    }
}

/// The authorizer, and the routes of the development identity provider if that is the issuer.
async fn authorizer(options: &Options, template: &Template, url: &str) -> Result<(Authorizer, Router)> {
    let clock = options.token_clock.clone();
    if let Some(provider) = &options.provider {
        return Ok((Authorizer::of(provider, clock).await?, Router::new()));
    }
    let key_file = options.data.as_ref().map(|folder| folder.join("identity-key.pem"));
    Authorizer::of_development(Development {
        url: url.to_owned(),
        clock,
        key_file,
        callback_urls: template.callback_urls.clone(),
        metrics_permission: template.variable("METRICS_PERMISSION").unwrap_or_default().to_owned(),
    })
}
