//! The bare program: a connection, and the same call on it again and again.

use std::{collections::BTreeMap, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::Instant,
};

use crate::lambda::{CpuShare, cpu_time, most_resident};

/// Its process. It is killed when it is dropped.
pub(super) struct Update {
    child: Child,
    id: u32,
    asked: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
    /// How long it took from its start until it had its connection.
    pub(super) init: Duration,
    /// The part of that which was the connection's.
    pub(super) connection: Duration,
}

impl Update {
    pub(super) async fn start(
        program: &Path,
        environment: &BTreeMap<String, String>,
        now: i64,
    ) -> Result<Self> {
        let started = Instant::now();
        let mut child = Command::new(program)
            .env_clear()
            .envs(environment)
            .env("BENCH_NOW", now.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let id = child.id().context("it has ended")?;
        let asked = child.stdin.take().context("it has no input")?;
        let said = BufReader::new(child.stdout.take().context("it has no output")?).lines();
        let mut update = Self { child, id, asked, said, init: Duration::ZERO, connection: Duration::ZERO };
        update.connection = update.times().await?.pop().context("it said nothing")?;
        update.init = started.elapsed();
        Ok(update)
    }

    /// What so many calls take.
    pub(super) async fn calls(&mut self, count: u32) -> Result<Vec<Duration>> {
        self.asked.write_all(format!("{count}\n").as_bytes()).await?;
        self.times().await
    }

    pub(super) fn limit_to(&self, share: &CpuShare) -> Result<()> {
        share.take_in(self.id)
    }

    /// The CPU time that it has used.
    pub(super) fn cpu(&self) -> Duration {
        cpu_time(self.id)
    }

    /// The most memory that it has used, in kB.
    pub(super) fn peak_memory(&self) -> u64 {
        most_resident(self.id).unwrap_or_default()
    }

    pub(super) async fn end(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    async fn times(&mut self) -> Result<Vec<Duration>> {
        let line = self.said.next_line().await?.context("the bare program has ended")?;
        line.split(' ').map(|time| Ok(Duration::from_nanos(time.parse()?))).collect()
    }
}
