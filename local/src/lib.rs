//! The whole API on one machine, in one process: a gateway that reads `template.yaml`, an embedded DynamoDB and a
//! development identity provider around the very handlers that Lambda runs. Never deployed.

mod authorizer;
mod cloudformation;
mod engine;
mod event;
mod functions;
mod gateway;
mod host;
mod identity;
mod keys;
pub mod permissions;
mod pump;
mod tables;
pub mod template;

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_dynamodb::{Client, config::SharedHttpClient};
use axum::Router;
use operator::Deployment;
use reqwest::Url;
use shared::{app::Environment, clock::Clock};
use tokio::{
    net::TcpListener,
    task::{AbortHandle, JoinHandle},
};

use crate::{
    authorizer::Authorizer,
    engine::{Engine, Sweeps},
    functions::{Function, Parts, StreamHandler},
    gateway::{Endpoint, Gateway},
    identity::Identity,
    keys::{Keys, Published},
    pump::Pump,
    template::Template,
};

pub use crate::identity::AUDIENCE;

/// The template of this repository.
pub const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");

/// How a server is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port; 0 picks one.
    pub port: u16,
    /// The template.
    pub template: PathBuf,
    /// Where to keep the data of the embedded engine; in memory if `None`.
    pub data: Option<PathBuf>,
    /// Another engine than the embedded one.
    pub dynamodb: Option<Url>,
    /// A real identity provider, and what its tokens must be for.
    pub provider: Option<Provider>,
    /// Environment variables of the functions, which win over the template's.
    pub environment: HashMap<String, String>,
    /// What time it is for the functions.
    pub clock: Clock,
    /// The way to the engine, for one who wants to listen in or disturb; the usual one if `None`.
    pub http_client: Option<SharedHttpClient>,
}

/// A real identity provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// The issuer of its tokens.
    pub issuer: String,
    /// The audiences that are accepted.
    pub audiences: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            template: TEMPLATE.into(),
            data: None,
            dynamodb: None,
            provider: None,
            environment: HashMap::new(),
            clock: Clock::system(),
            http_client: None,
        }
    }
}

/// A running server; it ends when it is dropped.
pub struct Server {
    /// Where it listens: `http://localhost:PORT`.
    pub url: String,
    /// Where its engine listens.
    pub engine_url: Url,
    /// A client of its engine.
    pub client: Client,
    /// What it serves.
    pub template: Template,
    task: JoinHandle<()>,
    pumps: Vec<AbortHandle>,
    _engine: Option<Engine>,
}

impl Server {
    /// Starts a server, which answers when this returns.
    pub async fn start(options: Options) -> Result<Self> {
        let template = Template::read(&options.template, |name| options.environment.get(name).cloned())?;
        let (engine, engine_url) = engine_of(&options, Sweeps::Yes).await?;
        let on_this_machine = engine::is_loopback(&engine_url);
        ensure!(
            on_this_machine || options.provider.is_some(),
            "{engine_url} is not on this machine: real data needs real tokens, so name the provider with --issuer \
             and --audience"
        );
        let client = engine::client(&engine_url, options.http_client.clone()).await;
        if on_this_machine {
            tables::create_all(&client, &template.tables).await?;
        } else {
            tables::find_used(&client, &template).await?;
        }

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
            .await
            .with_context(|| format!("listening on port {}", options.port))?;
        let url = format!("http://localhost:{}", listener.local_addr()?.port());
        let (authorizer, provider) = identity(&options, &url).await?;
        let gateway = Gateway { authorizer: Arc::new(authorizer), clock: options.clock.clone() };
        let (endpoints, readers) = functions(&template, &client, &options.clock)?;
        // In an account the deployed function reads the stream.
        let pumps = if on_this_machine {
            let streams = engine::streams_client(&engine_url, &client);
            let pumps = pumps(&template, &readers, &client, &streams, engine.as_ref()).await?;
            pumps.into_iter().map(|pump| tokio::spawn(pump.run()).abort_handle()).collect()
        } else {
            Vec::new()
        };
        let router = gateway::router(gateway, endpoints, &template.api.cors_configuration, provider)?;
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move {
            if let Err(cause) = axum::serve(listener, service).await {
                tracing::error!(%cause, "the server failed");
            }
        });
        Ok(Self { url, engine_url, client, template, task, pumps, _engine: engine })
    }
}

/// The engine that holds a deployment's data, without a server before it.
pub struct Storage {
    /// A client of it.
    pub client: Client,
    /// What it is a deployment of.
    pub template: Template,
    /// Where it is, for people.
    place: String,
    url: Url,
    engine: Option<Engine>,
}

impl Storage {
    /// The engine of these options; in memory there is nothing to look at.
    pub async fn open(options: &Options) -> Result<Self> {
        let template = Template::read(&options.template, |name| options.environment.get(name).cloned())?;
        ensure!(
            options.dynamodb.is_some() || options.data.is_some(),
            "name the data with --data or --dynamodb"
        );
        if let Some(folder) = &options.data {
            ensure!(engine::is_in(folder), "there is no data in {}", folder.display());
        }
        let (engine, url) = engine_of(options, Sweeps::No).await?;
        let client = operator::patient(&engine::client(&url, options.http_client.clone()).await);
        tables::find_used(&client, &template).await?;
        let folder = options.data.as_ref().map(|folder| folder.display().to_string());
        let place = folder.unwrap_or_else(|| url.to_string());
        Ok(Self { client, template, place, url, engine })
    }

    /// Applies what is in the sessions' stream to the metrics, where no deployed function does: on this machine, whose
    /// engines keep records for longer than a day.
    pub async fn apply_stream(&self, clock: &Clock) -> Result<()> {
        if !engine::is_loopback(&self.url) {
            return Ok(());
        }
        let (_, readers) = functions(&self.template, &self.client, clock)?;
        let streams = engine::streams_client(&self.url, &self.client);
        for pump in pumps(&self.template, &readers, &self.client, &streams, self.engine.as_ref()).await? {
            pump.drain().await?;
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

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        self.pumps.iter().for_each(AbortHandle::abort);
    }
}

/// Where the engine of these options is; the embedded one is started.
async fn engine_of(options: &Options, sweeps: Sweeps) -> Result<(Option<Engine>, Url)> {
    if let Some(url) = &options.dynamodb {
        return Ok((None, url.clone()));
    }
    let engine = Engine::start(options.data.as_deref(), sweeps).await?;
    let url = engine.url.clone();
    Ok((Some(engine), url))
}

/// The authorizer, and the routes of the development identity provider if that is the issuer.
async fn identity(options: &Options, url: &str) -> Result<(Authorizer, Router)> {
    // Tokens are as old as they are: their time is the system's, even where the functions' time is moved.
    let clock = Clock::system();
    if let Some(Provider { issuer, audiences }) = &options.provider {
        let keys = Keys::Published(Published::fetch(issuer).await?);
        let (issuer, audiences) = (issuer.clone(), audiences.clone());
        return Ok((Authorizer { issuer, audiences, keys, clock }, Router::new()));
    }
    let key_file = options.data.as_ref().map(|folder| folder.join("identity-key.pem"));
    let identity = Identity::start(url.to_owned(), clock.clone(), key_file)?;
    let authorizer = Authorizer {
        issuer: identity.issuer.clone(),
        audiences: vec![AUDIENCE.to_owned()],
        keys: Keys::Own(Arc::clone(&identity)),
        clock,
    };
    Ok((authorizer, identity.router()))
}

/// The endpoints, and the functions that read streams by their ids.
fn functions(
    template: &Template,
    client: &Client,
    clock: &Clock,
) -> Result<(Vec<Endpoint>, HashMap<String, StreamHandler>)> {
    let (mut endpoints, mut readers) = (Vec::new(), HashMap::new());
    for function in &template.functions {
        let template::Function { logical_id, crate_name, environment, routes, permissions } = function;
        let place = || format!("function {logical_id}");
        let variable = |name: &str| environment.get(name).cloned();
        let client = permissions.guard(client);
        let parts = Parts { environment: Environment::new(&variable), client: &client, clock };
        match functions::function(crate_name, &parts).with_context(place)? {
            Some(Function::Endpoint(handler)) => {
                let endpoint = |route: &template::Route| Endpoint {
                    route: route.clone(),
                    handler: Arc::clone(&handler),
                };
                endpoints.extend(routes.iter().map(endpoint));
            }
            Some(Function::Stream(handler)) => {
                ensure!(routes.is_empty(), "{} reads a stream and can have no route", place());
                readers.insert(logical_id.clone(), handler);
            }
            None => bail!("{}: there is no crate functions/{crate_name} here", place()),
        }
    }
    Ok((endpoints, readers))
}

/// A pump for each stream that a function reads.
async fn pumps(
    template: &Template,
    readers: &HashMap<String, StreamHandler>,
    client: &Client,
    streams: &aws_sdk_dynamodbstreams::Client,
    engine: Option<&Engine>,
) -> Result<Vec<Pump>> {
    let mut pumps = Vec::new();
    for mapping in &template.streams {
        let handler = readers.get(&mapping.function);
        let handler =
            handler.with_context(|| format!("{} is no function that reads a stream", mapping.function))?;
        let table = template.table(&mapping.table)?.name.clone();
        let described = client.describe_table().table_name(&table).send().await?;
        let stream_arn = described.table.and_then(|table| table.latest_stream_arn);
        pumps.push(Pump {
            client: streams.clone(),
            stream_arn: stream_arn.with_context(|| format!("the table {table} has no stream"))?,
            table,
            batch_size: mapping.batch_size,
            handler: Arc::clone(handler),
            applied: engine.map(|engine| engine.applied.clone()),
        });
    }
    Ok(pumps)
}
