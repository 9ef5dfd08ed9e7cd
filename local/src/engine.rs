//! DynamoDB on this machine: the embedded engine, or another one behind a URL.

use std::{
    fs,
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, Region, SharedHttpClient},
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use dynoxide::Database;
use reqwest::Url;
use shared::app::client_config;
use tokio::{net::TcpListener, task::AbortHandle, time::interval};
use uuid::Uuid;

/// The engine keeps this many stream records, so that memory does not grow for ever.
const STREAM_RECORDS: u32 = 10_000;

/// The file of the data, in the folder that is given.
const FILE: &str = "sessions.db";

/// Whether the engine deletes what is past its time to live now and then. Who only looks deletes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sweeps {
    Yes,
    No,
}

/// Whether there is data in a folder.
pub(crate) fn is_in(folder: &Path) -> bool {
    folder.join(FILE).is_file()
}

/// How often what is past its time to live is deleted: late, as on AWS.
const SWEEP: Duration = Duration::from_mins(10);

/// The embedded engine, running until it is dropped.
pub(crate) struct Engine {
    pub(crate) url: Url,
    /// Where it is told which stream records have been applied.
    pub(crate) applied: Applied,
    tasks: Vec<AbortHandle>,
}

/// Tells the engine how far a stream has been applied: it trims nothing beyond.
#[derive(Clone)]
pub(crate) struct Applied {
    /// A database in memory lives as long as a connection to it, so this one is held.
    connection: Arc<Mutex<rusqlite::Connection>>,
}

impl Applied {
    /// The stream of `table` has been applied up to this record. Whether the engine could be told: it may be at work
    /// just now.
    pub(crate) fn up_to(&self, table: &str, sequence: &str) -> bool {
        let Some(sequence) = stored(sequence) else {
            tracing::warn!(sequence, "no sequence number of the engine's: its stream is not trimmed");
            return false;
        };
        let Ok(connection) = self.connection.lock() else { return false };
        let told = connection.execute(
            "INSERT INTO user_sessions_applied_up_to (table_name, sequence) VALUES (?1, ?2)
             ON CONFLICT (table_name) DO UPDATE SET sequence = excluded.sequence",
            (table, sequence),
        );
        told.inspect_err(
            |cause| tracing::debug!(%cause, "the engine is not told how far its stream was applied"),
        )
        .is_ok()
    }
}

impl Engine {
    /// Starts it on a random loopback port, with its data in the folder `data` or in memory.
    pub(crate) async fn start(data: Option<&Path>, sweeps: Sweeps) -> Result<Self> {
        let path = match data {
            None => format!("file:user-sessions-{}?mode=memory&cache=shared", Uuid::new_v4()),
            Some(folder) => {
                fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
                let file = folder.join(FILE);
                file.to_str().context("the path of the data is not UTF-8")?.to_owned()
            }
        };
        let database = Database::new(&path).with_context(|| format!("opening {path}"))?;
        let connection = rusqlite::Connection::open(&path)?;
        connection.execute_batch(&stream_upkeep()).context("preparing the engine's stream table")?;

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?).parse()?;
        let mut tasks = Vec::new();
        if sweeps == Sweeps::Yes {
            tasks.push(tokio::spawn(sweep(database.clone())).abort_handle());
        }
        tasks.push(tokio::spawn(dynoxide::server::serve_on(listener, database)).abort_handle());
        let applied = Applied { connection: Arc::new(Mutex::new(connection)) };
        Ok(Self { url, applied, tasks })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// The engine looks for the newest stream record at each write, without an index, and never deletes one: a write
/// would take longer and longer. An index keeps the time the same, and a trigger deletes old records that have been
/// applied, inside the engine's own transaction, where no second writer gets in its way. Both rest on the engine's
/// private schema, so its version is pinned.
fn stream_upkeep() -> String {
    format!(
        "CREATE INDEX IF NOT EXISTS user_sessions_newest
             ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
         CREATE TABLE IF NOT EXISTS user_sessions_applied_up_to
             (table_name TEXT PRIMARY KEY, sequence INTEGER NOT NULL);
         DROP TRIGGER IF EXISTS user_sessions_trim;
         CREATE TRIGGER user_sessions_trim AFTER INSERT ON _stream_records BEGIN
             DELETE FROM _stream_records
             WHERE id <= NEW.id - {STREAM_RECORDS} AND table_name = NEW.table_name
               AND CAST(sequence_number AS INTEGER)
                   <= (SELECT sequence FROM user_sessions_applied_up_to WHERE table_name = NEW.table_name);
         END;"
    )
}

/// The engine adds this to the numbers that it stores, so that they have as many digits as Amazon's.
const SEQUENCE_OFFSET: u128 = 100_000_000_000_000_000_000;

/// The number that the engine stores for a record's public sequence number.
fn stored(sequence: &str) -> Option<i64> {
    sequence.parse::<u128>().ok()?.checked_sub(SEQUENCE_OFFSET)?.try_into().ok()
}

async fn sweep(database: Database) {
    let mut ticks = interval(SWEEP);
    loop {
        ticks.tick().await;
        let database = database.clone();
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(deleted)) => tracing::debug!(deleted, "swept what was past its time to live"),
            Ok(Err(cause)) => tracing::warn!(%cause, "the sweep failed"),
            Err(cause) => tracing::warn!(%cause, "the sweep failed"),
        }
    }
}

/// A client of the engine at `url`. One on this machine takes any credentials; for another, region and credentials
/// come from where AWS tools look for them.
pub(crate) async fn client(url: &Url, http_client: Option<SharedHttpClient>) -> Client {
    if is_loopback(url) {
        let http_client = http_client.unwrap_or_else(|| Builder::new().build_http());
        let config = client_config(http_client)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "local"))
            .endpoint_url(url.as_str());
        return Client::from_conf(config.build());
    }
    let http_client = http_client
        .unwrap_or_else(|| Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https());
    let aws = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12())
        .http_client(http_client.clone())
        .load()
        .await;
    let mut config = client_config(http_client).endpoint_url(url.as_str());
    config.set_region(aws.region().cloned());
    config.set_credentials_provider(aws.credentials_provider());
    Client::from_conf(config.build())
}

/// A client of the streams of the same engine as `client`'s.
pub(crate) fn streams_client(url: &Url, client: &Client) -> aws_sdk_dynamodbstreams::Client {
    let config = client.config();
    let mut streams = aws_sdk_dynamodbstreams::Config::builder()
        .behavior_version(aws_sdk_dynamodbstreams::config::BehaviorVersion::v2026_01_12());
    streams.set_region(config.region().cloned());
    if is_loopback(url) {
        streams = streams
            .endpoint_url(url.as_str())
            .http_client(Builder::new().build_http())
            .credentials_provider(Credentials::new("local", "local", None, None, "local"));
    }
    aws_sdk_dynamodbstreams::Client::from_conf(streams.build())
}

/// Whether `url` names this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    crate::host::is_local(url.host_str().unwrap_or_default())
}
