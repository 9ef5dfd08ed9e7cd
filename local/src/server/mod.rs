//! The server: puts gateway, functions, streams, engine and identity together.

mod gateway;
mod handlers;
mod listeners;
mod options;
mod pages;
mod sample;
mod streams;

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use aws_sdk_dynamodb::Client;
use axum::Router;
use reqwest::Url;
use tokio::{net::TcpListener, task::AbortHandle};

pub use self::options::Options;
use self::{gateway::Gateway, sample::Filling};
pub(crate) use self::{handlers::handlers, streams::pumps};
use crate::{
    engine::{self, Engine, Sweeps},
    identity::{Authorizer, Development},
    sample::Unfinished,
    template::Template,
};

/// A running server; it ends when it is dropped.
pub struct Server {
    /// Where it listens, on 127.0.0.1 and `::1`: `http://localhost:PORT`.
    pub url: String,
    /// Where its engine listens, on this machine or in an account.
    pub engine_url: Url,
    /// A client of its engine, with no function's permissions but all.
    pub client: Client,
    /// What it serves, and by which names its tables go.
    pub template: Template,
    tasks: Vec<AbortHandle>,
    _engine: Option<Engine>,
}

impl Server {
    /// Starts a server, which answers when this returns.
    pub async fn start(options: Options) -> Result<Self> {
        let template = options.read_template()?;
        ensure!(
            options.sample.is_none() || options.dynamodb.is_none(),
            "sample data is for the embedded engine alone"
        );
        let (engine, engine_url) = engine_of(&options, Sweeps::Yes).await?;
        let on_this_machine = engine::is_loopback(&engine_url);
        ensure!(
            on_this_machine || options.provider.is_some(),
            "{engine_url} is not on this machine: real data needs real tokens, so name the provider with --issuer \
             and --audience"
        );
        let client = engine::client(&engine_url, options.http_client.clone()).await;
        if on_this_machine {
            engine::create_all(&client, &template.tables).await?;
        } else {
            engine::find_used(&client, &template).await?;
        }

        let (port, listeners) = listeners::listen(options.port).await?;
        let url = format!("http://localhost:{port}");
        let (authorizer, provider) = authorizer(&options, &template, &url).await?;
        let gateway = Gateway { authorizer: authorizer.into(), clock: options.clock.clone() };
        let (endpoints, readers) = handlers(&template, &client, &options.clock)?;
        let beside = provider.merge(pages::router());
        let router = gateway::router(gateway, endpoints, template.api.cors(), beside)?;
        // In an account the deployed function reads the stream.
        let mut tasks = Vec::new();
        if on_this_machine {
            let streams = engine::streams_client(&engine_url, &client);
            let mut pumps = pumps(&template, &readers, &client, &streams, engine.as_ref()).await?;
            if let (Some(sample), Some(engine)) = (options.sample, &engine) {
                let (template, client, readers, options) = (&template, &client, &readers, &options);
                Filling { options, template, client, engine, readers }.fill(sample, &mut pumps).await?;
            }
            for pump in pumps {
                tasks.push(tokio::spawn(pump.run()).abort_handle());
            }
        }
        for listener in listeners {
            tasks.push(tokio::spawn(serve(listener, router.clone())).abort_handle());
        }
        Ok(Self { url, engine_url, client, template, tasks, _engine: engine })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

async fn serve(listener: TcpListener, router: Router) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(cause) = axum::serve(listener, service).await {
        tracing::error!(%cause, "the server failed");
    }
}

/// Where the engine of these options is; the embedded one is started.
pub(crate) async fn engine_of(options: &Options, sweeps: Sweeps) -> Result<(Option<Engine>, Url)> {
    if let Some(url) = &options.dynamodb {
        return Ok((None, url.clone()));
    }
    options.data.as_deref().map_or(Ok(()), Unfinished::refuse)?;
    let engine = Engine::start(options.data.as_deref(), sweeps).await?;
    let url = engine.url.clone();
    Ok((Some(engine), url))
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
