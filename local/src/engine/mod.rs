//! DynamoDB on this machine: the embedded engine, or another one behind a URL.

mod client;
mod connected;
mod in_process;
mod tables;
mod upkeep;

use std::{fs, net::Ipv4Addr, path::Path, time::Duration};

use anyhow::{Context, Result};
use dynoxide::Database;
use reqwest::Url;
use tokio::{net::TcpListener, task::AbortHandle, time::interval};
use uuid::Uuid;

pub use self::in_process::ask;
pub(crate) use self::{
    client::is_loopback,
    connected::Connected,
    tables::{create_all, find_used},
    upkeep::Applied,
};
use self::{
    client::{client, streams_client},
    in_process::{InProcess, Turn},
};

/// The database's file in the folder for the data.
const FILE: &str = "sessions.db";

/// How often what is past its time to live is deleted: late, as on AWS.
const SWEEP: Duration = Duration::from_mins(10);

/// Whether the engine deletes what is past its time to live now and then. Who only looks deletes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sweeps {
    Yes,
    No,
}

/// Whether the engine can be called from other processes too. Nobody needs a password for that, nor does a page that a
/// browser on this machine shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listens {
    Yes,
    No,
}

/// The embedded engine, running until it is dropped.
pub(crate) struct Engine {
    /// Where it listens, if it does.
    pub(crate) url: Url,
    /// Where it is told which stream records have been applied.
    pub(crate) applied: Applied,
    /// The way to it that needs no network.
    in_process: InProcess,
    pub(crate) database: Database,
    tasks: Vec<AbortHandle>,
}

/// Whether there is data in a folder.
pub(crate) fn is_in(folder: &Path) -> bool {
    folder.join(FILE).is_file()
}

impl Engine {
    /// Starts it with its data in the folder `data` or in memory. If it listens, then on a random loopback port.
    pub(crate) async fn start(data: Option<&Path>, sweeps: Sweeps, listens: Listens) -> Result<Self> {
        let path = match data {
            None => format!("file:user-sessions-{}?mode=memory&cache=shared", Uuid::new_v4()),
            Some(folder) => {
                fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
                let file = folder.join(FILE);
                file.to_str().context("the path of the data is not UTF-8")?.to_owned()
            }
        };
        let database = Database::new(&path).with_context(|| format!("opening {path}"))?;
        // By default each write waits for the disk. From here on it does not: a power cut loses what was written since the
        // last checkpoint (of some 4 MB), and nothing becomes unreadable; a server that is killed loses nothing.
        database.disable_bulk_loading().context("preparing the engine")?;
        let turn = Turn::default();
        let applied = Applied::start(&path, Turn::clone(&turn))?;
        let in_process = InProcess::new(database.clone(), turn);
        let mut url = Url::parse("http://localhost")?;
        let mut tasks = Vec::new();
        if sweeps == Sweeps::Yes {
            tasks.push(tokio::spawn(sweep(database.clone())).abort_handle());
        }
        if listens == Listens::Yes {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            url = Url::parse(&format!("http://{}", listener.local_addr()?))?;
            tasks.push(tokio::spawn(dynoxide::server::serve_on(listener, database.clone())).abort_handle());
        }
        Ok(Self { url, applied, in_process, database, tasks })
    }

    /// From here on nothing waits for the disk. Who loses power meanwhile may lose all of the data.
    pub(crate) fn begin_bulk(&self) -> Result<()> {
        self.database.enable_bulk_loading().context("preparing the engine for much data")
    }

    /// From here on checkpoints do again.
    pub(crate) fn end_bulk(&self) -> Result<()> {
        self.database.disable_bulk_loading().context("making the engine careful again")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
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
