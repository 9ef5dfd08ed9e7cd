//! A folder of data, its clients, and what must hold of both after a kill.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use rusqlite::Connection as Database;
use serde_json::Value;
use shared::clock::Clock;
use tokio::time::{Instant, sleep};

use super::client::Client;
use crate::{
    run::Run,
    server::{Program, Server},
    wire::{self, Connection},
};

/// The rollup follows within a second; a machine at work may take longer.
const CATCH_UP: Duration = Duration::from_mins(2);

/// Users have no limit: the sessions of logins that were not answered would come to be ended by it.
const NO_LIMITS: [&str; 4] =
    ["--parameter", "MaxStartsPerUserPerHour=0", "--parameter", "MaxSessionsPerUser=1000"];

/// A folder that servers use one after the other, and all that clients know of its data.
pub(super) struct World {
    folder: PathBuf,
    program: Program,
    pub(super) clients: Vec<Client>,
    /// Its sessions are the last to be started, so that the rollup has come to the end when it knows them.
    marker: Client,
    first_day: String,
    last_day: String,
    /// The metrics, when they had come to the end.
    pub(super) metrics: Option<Value>,
}

impl World {
    /// One in which nothing has happened. The clients' random numbers are those from `worker` on.
    pub(super) fn new(
        run: &Run,
        program: &Program,
        folder: PathBuf,
        clients: u64,
        worker: u64,
    ) -> Result<Self> {
        let text = folder.to_str().context("the folder's path is not UTF-8")?;
        let program = program.with(["--data", text]).with(NO_LIMITS);
        let client = |place: u64| Client::new(format!("client-{place}"), run.random(worker + place));
        let today = Clock::system().now().date_naive();
        let (first, last) = today.pred_opt().zip(today.succ_opt()).context("no such day")?;
        Ok(Self {
            folder,
            program,
            clients: (0..clients).map(client).collect(),
            marker: Client::new("marker".to_owned(), run.random(worker + clients)),
            first_day: first.to_string(),
            last_day: last.to_string(),
            metrics: None,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server's program on this folder, where sessions expire after so many seconds.
    pub(super) fn program(&self, timeout: u32) -> Program {
        self.program.with(["--parameter".to_owned(), format!("SessionTimeoutSeconds={timeout}")])
    }

    /// Starts a server, at which everybody signs in.
    pub(super) async fn start(&mut self, timeout: u32) -> Result<Server> {
        let server = self.program(timeout).start().await?;
        for client in self.clients.iter_mut().chain([&mut self.marker]) {
            client.sign_in(&server).await?;
        }
        Ok(server)
    }

    /// All clients send requests until that time; each ends when one is not acknowledged.
    pub(super) async fn load(&mut self, address: SocketAddr, until: Option<Instant>) -> Result<()> {
        let loads = join_all(self.clients.iter_mut().map(|client| client.load(address, until))).await;
        loads.into_iter().zip(&self.clients).try_for_each(|(load, client)| load.context(client.user.clone()))
    }

    /// Whether all that was acknowledged is there.
    pub(super) async fn check(&mut self, server: &Server, all: bool) -> Result<()> {
        for client in &mut self.clients {
            client.check(server, all).await.with_context(|| client.user.clone())?;
        }
        Ok(())
    }

    /// Waits until the metrics have come to the end, and compares them with what the clients know.
    pub(super) async fn check_metrics(&mut self, server: &Server) -> Result<()> {
        let mut connection = Connection::open(server.address).await?;
        self.marker.mark(&mut connection).await?;
        let (links, lost) = self.known();
        let (engaged, renewed) =
            (links.iter().filter(|link| link.0).count(), links.iter().filter(|link| link.1));
        let (engaged, renewed, sessions) = (engaged as u64, renewed.count() as u64, links.len() as u64);
        let stop = Instant::now() + CATCH_UP;
        loop {
            let metrics = self.read_metrics(server).await?;
            let count = |name: &str| metrics[name].as_u64().with_context(|| format!("no {name}: {metrics}"));
            let counted = count("totalSessions")?;
            let is_exact = count("engagedSessions")? == engaged && count("renewedSessions")? == renewed;
            if is_exact && (sessions..=sessions + lost).contains(&counted) {
                self.metrics = Some(metrics);
                return Ok(());
            }
            ensure!(
                Instant::now() < stop,
                "the metrics should have come to {sessions} sessions (and {lost} in doubt), {engaged} engaged, {renewed} \
                 renewed: {metrics}"
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the metrics say, but for when they were last changed.
    pub(super) async fn read_metrics(&self, server: &Server) -> Result<Value> {
        let token = server.token("reader", &[("permissions", "metrics:read")]).await?;
        let path = format!("/metrics/sessions?startDate={}&endDate={}", self.first_day, self.last_day);
        let request = wire::request("GET", &path, &wire::bearer(&token), b"");
        let answer = Connection::open(server.address).await?.call(&request).await?;
        ensure!(answer.status == 200, "no metrics: {answer}");
        let mut metrics = answer.json()?["data"].take();
        metrics["asOf"].take();
        Ok(metrics)
    }

    /// Whether the file is whole, and the metrics are what the sessions add up to; no server runs.
    pub(super) async fn recount(&self) -> Result<()> {
        self.program.run("recount").await?;
        let database = Database::open(self.folder.join("sessions.db"))?;
        let found: String = database.query_row("PRAGMA integrity_check", (), |row| row.get(0))?;
        ensure!(found == "ok", "the database is damaged: {found}");
        Ok(())
    }

    /// How many requests were acknowledged, and how many are in doubt.
    pub(super) fn requests(&self) -> (u64, u64) {
        let clients = || self.clients.iter().chain([&self.marker]);
        (clients().map(|it| it.acknowledged).sum(), clients().map(|it| it.in_doubt).sum())
    }

    /// Of each session that is known, whether it is engaged and whether it renewed one; and how many may be there too.
    pub(super) fn known(&self) -> (Vec<(bool, bool)>, u64) {
        let clients = || self.clients.iter().chain([&self.marker]);
        let chains = clients().flat_map(|client| &client.sessions).map(|known| &known.chain);
        let links =
            chains.flat_map(|chain| chain.iter().enumerate().map(|(hop, link)| (link.engaged, hop > 0)));
        (links.collect(), clients().map(|client| client.lost_logins).sum())
    }
}
