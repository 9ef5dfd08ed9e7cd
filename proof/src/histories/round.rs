//! What one round is played in: tables of its own, hosts whose clocks differ, users with tokens.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::Client;
use fastrand::Rng;
use futures_util::future::try_join_all;
use local::{
    Options, Provider, Server,
    functions::{Handler, Parts, StreamHandler, handler},
};
use reqwest::Url;
use serde_json::Value;
use shared::{clock::Clock, settings::Environment};
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    engine::Engine,
    faults::Faults,
    history::History,
    time::{Time, instant},
    wire::Wire,
};

/// As the template has it, in milliseconds.
pub(super) const TIMEOUT: i64 = 3_600_000;

/// Clocks of hosts differ by up to twice as much, which is less than the product reckons with.
const AHEAD: i64 = 28_000;

/// After the last pause of an operation.
const QUIET: Duration = Duration::from_millis(1_200);

/// The way to the engine is the wire's. What does not go by it, the stream to the host's own pump, ends here: the rollup is
/// fed otherwise.
const NOWHERE: &str = "http://127.0.0.1:1";

/// How much one user may have in this round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) live: usize,
    /// Within an hour; any number with 0.
    pub(super) starts: usize,
}

/// One host: a server with a clock of its own.
pub(super) struct Host {
    pub(super) server: Server,
    pub(super) rollup: StreamHandler,
    /// Its clock is so many milliseconds ahead.
    pub(super) ahead: i64,
}

pub(super) struct Round {
    pub(super) limits: Limits,
    pub(super) time: Arc<Time>,
    pub(super) engine: Arc<Engine>,
    /// On the way of the API's functions.
    pub(super) faults: Arc<Faults>,
    /// On the rollup's.
    pub(super) rollup_faults: Arc<Faults>,
    pub(super) hosts: Vec<Host>,
    pub(super) http: reqwest::Client,
    /// A token for each user.
    pub(super) tokens: Vec<String>,
    pub(super) history: History,
    pub(super) sessions_table: String,
    requests_left: AtomicI64,
}

/// What a round is to be like.
pub(super) struct Plan<'a> {
    pub(super) issuer: &'a str,
    pub(super) dynamodb: Option<&'a Url>,
    pub(super) users: usize,
    pub(super) hosts: usize,
    pub(super) requests: u64,
    pub(super) limits: Limits,
    pub(super) percent: f64,
    /// Whether calls are refused, too.
    pub(super) refuses: bool,
}

impl Round {
    pub(super) async fn start(plan: &Plan<'_>, random: &mut Rng) -> Result<Self> {
        // Not of the seed: a run that was cut short may have left tables in an engine that stays.
        let name = Uuid::from_u128(fastrand::u128(..));
        let sessions_table = format!("Sessions-{name}");
        let environment = HashMap::from([
            ("SESSIONS_TABLE".to_owned(), sessions_table.clone()),
            ("METRICS_TABLE".to_owned(), format!("Metrics-{name}")),
            ("MAX_SESSIONS_PER_USER".to_owned(), plan.limits.live.to_string()),
            ("MAX_STARTS_PER_USER_PER_HOUR".to_owned(), plan.limits.starts.to_string()),
        ]);
        let audiences = vec![local::AUDIENCE.to_owned()];
        let provider = Provider { issuer: plan.issuer.to_owned(), audiences };
        let options = Options {
            provider: Some(provider),
            dynamodb: plan.dynamodb.cloned(),
            environment,
            ..Options::default()
        };
        let time = Arc::new(Time::new());
        let engine = Arc::new(Engine::start(&options).await?);
        let faults = Faults::new(plan.percent, random.fork()).with_refusals(plan.refuses);
        let faults = Arc::new(faults);
        let rollup_faults =
            Arc::new(Faults::new(plan.percent, random.fork()).with_refusals(plan.refuses).with_storms());
        let mut hosts = Vec::new();
        for _ in 0..plan.hosts {
            let ahead = random.i64(-AHEAD..=AHEAD);
            let own = Arc::clone(&time);
            let clock = Clock::from_fn(move || instant(own.now() + ahead));
            let wire = Wire::new(Arc::clone(&engine), Arc::clone(&faults));
            let options = Options {
                dynamodb: Some(Url::parse(NOWHERE)?),
                clock: clock.clone(),
                http_client: Some(wire.http_client()),
                ..options.clone()
            };
            let server = Server::start(options).await.context("starting a host")?;
            let wire = Wire::new(Arc::clone(&engine), Arc::clone(&rollup_faults));
            let rollup = rollup(&server, &wire, &clock)?;
            hosts.push(Host { server, rollup, ahead });
        }
        let http = http()?;
        let tokens =
            try_join_all((0..plan.users).map(|user| token(&http, plan.issuer, name_of(user)))).await?;
        Ok(Self {
            limits: plan.limits,
            time,
            engine,
            faults,
            rollup_faults,
            hosts,
            http,
            tokens,
            history: History::default(),
            sessions_table,
            requests_left: AtomicI64::new(plan.requests.try_into()?),
        })
    }

    /// Whether there is one more request to be made; it is taken.
    pub(super) fn take_request(&self) -> bool {
        self.requests_left.fetch_sub(1, Ordering::SeqCst) > 0
    }

    /// The time at a host.
    pub(super) fn time_at(&self, host: usize) -> i64 {
        self.time.now() + self.hosts[host].ahead
    }

    /// How far each host's clock is ahead.
    pub(super) fn ahead(&self) -> Vec<i64> {
        self.hosts.iter().map(|host| host.ahead).collect()
    }

    /// How far the fastest is.
    pub(super) fn most_ahead(&self) -> i64 {
        self.ahead().into_iter().max().unwrap_or_default()
    }
}

/// Waits until nothing is at work any more, also what nobody waits for.
pub(super) async fn settle(faults: &Faults) {
    while !faults.are_quiet_for(QUIET) {
        sleep(Duration::from_millis(50)).await;
    }
}

/// The `sub` of a user.
pub(super) fn name_of(user: usize) -> String {
    format!("user-{user}")
}

/// Also for many connections at once.
fn http() -> Result<reqwest::Client> {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    Ok(reqwest::Client::builder().resolve("localhost", loopback).build()?)
}

async fn token(http: &reqwest::Client, issuer: &str, user: String) -> Result<String> {
    let form = [("grant_type", "password"), ("password", "x"), ("username", &user)];
    let answer = http.post(format!("{issuer}/oauth2/token")).form(&form).send().await?;
    let body: Value = answer.error_for_status()?.json().await?;
    Ok(body["access_token"].as_str().context("no token")?.to_owned())
}

/// The rollup as the host would make it, but for its way to the engine.
fn rollup(server: &Server, wire: &Wire, clock: &Clock) -> Result<StreamHandler> {
    let functions = &server.template.functions;
    let function = functions.iter().find(|function| function.crate_name == "rollup").context("no rollup")?;
    let variable = |name: &str| function.environment.get(name).cloned();
    let config = server.client.config().to_builder().http_client(wire.http_client());
    let client = Client::from_conf(config.build());
    let parts = Parts { environment: Environment::new(&variable), client: &client, clock };
    match handler("rollup", &parts)? {
        Some(Handler::Stream(rollup)) => Ok(rollup),
        _ => bail!("the rollup reads no stream"),
    }
}
