//! The whole API on one machine, in one process: a gateway that goes by `template.yaml`, an embedded DynamoDB and a
//! development identity provider around the very handlers that Lambda runs. Never deployed.
//!
//! Imports run downward: `server` knows all others, `engine` knows `template` and `host`, `sample` knows `functions`, and
//! the rest none of them.

mod engine;
pub mod functions;
mod health;
mod host;
mod identity;
pub mod sample;
mod server;
pub mod template;

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::Client;
use dynoxide::Database;
use operator::Deployment;
use reqwest::Url;
use shared::clock::Clock;

use crate::{
    engine::{Connected, Engine, Listens, Sweeps},
    server::{connect, pumps, readers},
    template::Template,
};

pub use crate::{
    engine::ask as ask_engine,
    health::healthcheck,
    identity::{AUDIENCE, Provider},
    server::{HostName, Options, Origin, Server},
};

/// The engine that holds a deployment's data, without a server before it; it ends when it is dropped.
pub struct Storage {
    /// A client of it.
    pub client: Client,
    /// What it is a deployment of.
    pub template: Template,
    /// Where it is, for people.
    place: String,
    /// Where it listens, if it does.
    pub url: Url,
    connected: Connected,
}

impl Storage {
    /// An engine in memory with the template's tables, empty, that other processes can call too.
    pub async fn in_memory(options: &Options) -> Result<Self> {
        let template = options.read_template(None)?;
        let engine = Engine::start(None, Sweeps::No, Listens::Yes).await?;
        let connected = Connected::embedded(engine, options.http_client.clone()).await;
        let (client, url) = (connected.client.clone(), connected.url.clone());
        engine::create_all(&client, &template.tables).await?;
        Ok(Self { client, template, place: "in memory".to_owned(), url, connected })
    }

    /// The engine of these options, with the data that is there.
    pub async fn open(options: &Options) -> Result<Self> {
        let template = options.read_template(None)?;
        ensure!(
            options.dynamodb.is_some() || options.data.is_some(),
            "name the data with --data or --dynamodb"
        );
        if let Some(folder) = &options.data {
            ensure!(engine::is_in(folder), "there is no data in {}", folder.display());
        }
        let connected = connect(options, Sweeps::No).await?;
        let (client, url) = (operator::patient(&connected.client), connected.url.clone());
        engine::find_used(&client, &template).await?;
        let folder = options.data.as_ref().map(|folder| folder.display().to_string());
        let place = folder.unwrap_or_else(|| url.to_string());
        Ok(Self { client, template, place, url, connected })
    }

    /// The embedded engine's database, for one who wants to know what it takes by itself.
    #[must_use]
    pub fn database(&self) -> Option<&Database> {
        self.connected.engine.as_ref().map(|engine| &engine.database)
    }

    /// Applies what is in the sessions' stream to the metrics, where no deployed function does: on this machine, whose
    /// engines keep records for longer than a day.
    pub async fn apply_stream(&self, clock: &Clock) -> Result<()> {
        if !engine::is_loopback(&self.url) {
            return Ok(());
        }
        let readers = readers(&self.template, &self.client, clock)?;
        for mut pump in pumps(&self.template, &readers, &self.connected, clock).await? {
            pump.drain(|_| ()).await?;
        }
        Ok(())
    }

    /// What an operator's commands work on: the settings are those of the function that reads the sessions' stream.
    pub fn deployment(&self, clock: &Clock) -> Result<Deployment> {
        let mapping = self.template.streams.first();
        let reader = &mapping.context("the template has no function that reads a stream")?.function;
        let function = self.template.functions.iter().find(|function| function.logical_id == *reader);
        let environment = &function.with_context(|| format!("there is no {reader}"))?.environment;
        Ok(Deployment {
            client: self.client.clone(),
            place: self.place.clone(),
            settings: environment.clone().into_iter().collect(),
            clock: clock.clone(),
        })
    }
}
