//! A process that is measured.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Nothing that is measured takes longer to start.
const START: Duration = Duration::from_mins(1);

/// In what the kernel counts a process's time for everybody to read.
const TICK: Duration = Duration::from_millis(10);

/// It is killed when it is dropped.
pub(super) struct Measured {
    id: u32,
    _child: Child,
}

impl Measured {
    /// Starts it, and waits for the first line of its output in which `find` finds what it looks for.
    pub(super) async fn start<T>(
        mut command: Command,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<(Self, T)> {
        let name = command.as_std().get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        let id = child.id().with_context(|| format!("{name} ended at once"))?;
        let output = child.stdout.take().context("there is no output")?;
        let mut lines = BufReader::new(output).lines();
        let found = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(found) = find(&line) {
                    return Ok(found);
                }
            }
            bail!("{name} ended before it told where it is")
        };
        let found = timeout(START, found).await.with_context(|| format!("{name} has not started"))??;
        // Nobody reads the rest, and a full pipe would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok((Self { id, _child: child }, found))
    }

    /// The time that it has had of a CPU since it had `before`.
    pub(super) fn cpu_since(&self, before: Duration) -> Result<Duration> {
        Ok(self.cpu()?.saturating_sub(before))
    }

    /// The time that it has had of a CPU so far.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let file = format!("/proc/{}/stat", self.id);
        let text = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
        // The name, in brackets, may have anything in it.
        let (_, fields) = text.rsplit_once(')').context("no name in it")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<u32>().ok());
        let (user, system) = ticks(11).zip(ticks(12)).context("no times in it")?;
        Ok(TICK * (user + system))
    }

    /// The memory that is resident now, in kB.
    pub(super) fn memory(&self) -> Result<u64> {
        let file = format!("/proc/{}/status", self.id);
        let text = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        line.trim().trim_end_matches(" kB").parse().context("VmRSS is no number")
    }

    /// The share of one CPU that it takes while nobody calls it.
    pub(super) async fn at_rest(&self, time: Duration) -> Result<f64> {
        let (before, started) = (self.cpu()?, Instant::now());
        tokio::time::sleep(time).await;
        Ok(self.cpu_since(before)?.as_secs_f64() / started.elapsed().as_secs_f64())
    }
}
