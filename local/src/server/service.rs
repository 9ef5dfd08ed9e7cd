//! The API with tables of its own: what the server has at its root, and once more for the demo.

use std::sync::Arc;

use anyhow::{Result, ensure};
use axum::Router;
use tokio::task::AbortHandle;

use super::{
    gateway::{self, Gateway},
    handlers::{endpoints, readers},
    options::Options,
    sample::Filling,
    streams::pumps,
};
use crate::{
    engine::{self, Connected, Engine, Listens, Sweeps},
    identity::Authorizer,
    sample::Unfinished,
    template::Template,
};

/// A running API; it ends when it is dropped.
pub(super) struct Service {
    pub(super) engine: Connected,
    pub(super) template: Template,
    pub(super) router: Router,
    pumps: Vec<AbortHandle>,
}

impl Service {
    /// Starts what `template` describes, and the routes of `beside`.
    pub(super) async fn start(
        options: &Options,
        template: Template,
        authorizer: Arc<Authorizer>,
        beside: Router,
    ) -> Result<Self> {
        ensure!(
            options.sample.is_none() || options.dynamodb.is_none(),
            "sample data is for the embedded engine alone"
        );
        let engine = connect(options, Sweeps::Yes).await?;
        let (client, url) = (&engine.client, &engine.url);
        let on_this_machine = engine::is_loopback(url);
        ensure!(
            on_this_machine || options.provider.is_some(),
            "{url} is not on this machine: real data needs real tokens, so name the provider with --issuer \
             and --audience"
        );
        if on_this_machine {
            engine::create_all(client, &template.tables).await?;
        } else {
            engine::find_used(client, &template).await?;
        }
        let endpoints = endpoints(&template, client, &options.clock)?;
        let readers = readers(&template, client, &options.clock)?;
        let gateway = Gateway { authorizer, clock: options.clock.clone() };
        let (cors, let_in) = (template.api.cors(), &options.allow_origins);
        let router = gateway::router(gateway, endpoints, cors, let_in, beside)?;
        let mut running = Vec::new();
        // In an account the deployed function reads the stream.
        if on_this_machine {
            let mut pumps = pumps(&template, &readers, &engine, &options.clock).await?;
            if let (Some(sample), Some(engine)) = (options.sample, &engine.engine) {
                let (template, readers) = (&template, &readers);
                let filling = Filling { options, template, client, engine, readers };
                Box::pin(filling.fill(sample, &mut pumps)).await?;
            }
            running.extend(pumps.into_iter().map(|pump| tokio::spawn(pump.run()).abort_handle()));
        }
        Ok(Self { engine, template, router, pumps: running })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.pumps.iter().for_each(AbortHandle::abort);
    }
}

/// The engine of these options; the embedded one is started.
pub(crate) async fn connect(options: &Options, sweeps: Sweeps) -> Result<Connected> {
    let way = options.http_client.clone();
    if let Some(url) = &options.dynamodb {
        return Ok(Connected::at(url.clone(), way).await);
    }
    options.data.as_deref().map_or(Ok(()), Unfinished::refuse)?;
    let listens = if way.is_some() { Listens::Yes } else { Listens::No };
    Ok(Connected::embedded(Engine::start(options.data.as_deref(), sweeps, listens).await?, way).await)
}
