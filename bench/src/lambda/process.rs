//! A function's process: what it is started with, and what becomes of an invocation.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use axum::body::Bytes;
use shared::clock::Clock;
use tokio::{
    process::{Child, Command},
    time::{Instant, interval_at, sleep_until},
};

use super::{
    cpu::CpuShare,
    runtime_api::{Invocation, RuntimeApi, Said},
};

/// Lambda waits no longer for a function that starts.
const INIT: Duration = Duration::from_secs(10);

/// How often the process is looked at: what it had at the most is gone when it dies.
const LOOK: Duration = Duration::from_millis(20);

/// Keeps the shell's process, so that its id is the function's. `ulimit -v` limits the address space, which is more than
/// the memory that is used: what runs in it runs in as much memory. A core would be written for each death.
const IN_ITS_MEMORY: &str = r#"ulimit -c 0 && ulimit -v "$0" && exec "$1""#;

/// A function as it is deployed.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its binary.
    pub program: PathBuf,
    /// The memory that it has, in MB.
    pub memory: u32,
    /// Whether it dies when it wants more than that. A shell sees to it, which takes a millisecond of the start.
    pub limits_memory: bool,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// Its environment variables beside those that Lambda sets. It has no others.
    pub environment: BTreeMap<String, String>,
    /// The file to which what it prints is added.
    pub log: PathBuf,
}

/// What became of an invocation.
#[derive(Debug)]
pub enum Outcome {
    /// The function's answer, as it gave it.
    Answered(Bytes),
    /// The function's own error.
    Failed(String),
    /// It was killed at its timeout.
    TimedOut,
    /// Its process ended by itself, as it does when it gets no more memory.
    Died(ExitStatus),
}

/// A process that waits for invocations. It is killed when it is dropped.
pub(super) struct Process {
    api: RuntimeApi,
    child: Child,
    timeout: Duration,
    invocations: u32,
    waits: bool,
    peak: u64,
    init: Duration,
}

impl Process {
    /// Starts it, and waits until it asks for an invocation.
    pub(super) async fn start(function: &Function) -> Result<Self> {
        let api = RuntimeApi::start().await?;
        let log = || OpenOptions::new().create(true).append(true).open(&function.log);
        let log = || log().with_context(|| format!("opening {}", function.log.display()));
        let mut command;
        if function.limits_memory {
            let memory = (u64::from(function.memory) * 1024).to_string();
            command = Command::new("/bin/sh");
            command.args(["-c", IN_ITS_MEMORY, &memory]).arg(&function.program);
        } else {
            command = Command::new(&function.program);
        }
        command
            .env_clear()
            .envs(&function.environment)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "bench")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "bench")
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .stdin(Stdio::null())
            .stdout(log()?)
            .stderr(log()?)
            .kill_on_drop(true);
        let place =
            || format!("{}, whose lines are in {}", function.program.display(), function.log.display());
        let started = Instant::now();
        let child = command.spawn().with_context(place)?;
        let mut process = Self {
            api,
            child,
            timeout: function.timeout,
            invocations: 0,
            waits: false,
            peak: 0,
            init: Duration::ZERO,
        };
        process.wait_until_it_waits().await.with_context(place)?;
        process.init = started.elapsed();
        Ok(process)
    }

    /// Limits the process to its share of a CPU. During its start it has a whole one, as on Lambda.
    pub(super) fn limit_to(&self, share: &CpuShare) -> Result<()> {
        self.child.id().map_or(Ok(()), |id| share.take_in(id))
    }

    /// Hands it an event, and waits for what becomes of that and how long it takes. The process has ended afterwards
    /// unless it has answered.
    pub(super) async fn invoke(&mut self, event: String) -> Result<(Outcome, Duration)> {
        self.wait_until_it_waits().await?;
        self.waits = false;
        self.invocations += 1;
        let request_id = format!("00000000-0000-4000-8000-{:012}", self.invocations);
        let milliseconds = i64::try_from(self.timeout.as_millis())?;
        let deadline = Clock::system().now().timestamp_millis() + milliseconds;
        let started = Instant::now();
        self.api.hand_over(Invocation { request_id: request_id.clone(), deadline, event })?;
        let outcome = self.outcome(&request_id, started + self.timeout).await?;
        let time = started.elapsed();
        self.look();
        if !matches!(outcome, Outcome::Answered(_)) {
            self.end().await?;
        }
        Ok((outcome, time))
    }

    /// Stops it, once it waits for an invocation.
    pub(super) async fn freeze(&mut self, share: Option<&CpuShare>) -> Result<()> {
        self.wait_until_it_waits().await?;
        let Some(id) = self.child.id() else { return Ok(()) };
        if let Some(share) = share {
            share.let_go(id);
        }
        send(id, Signal::Stop)
    }

    /// Lets it go on, within its share of a CPU.
    pub(super) fn thaw(&self, share: Option<&CpuShare>) -> Result<()> {
        let Some(id) = self.child.id() else { return Ok(()) };
        send(id, Signal::GoOn)?;
        share.map_or(Ok(()), |share| share.take_in(id))
    }

    /// Kills it, and waits until it is gone.
    pub(super) async fn end(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// How long it took from its start until it asked for an invocation.
    pub(super) fn init(&self) -> Duration {
        self.init
    }

    /// The CPU time that it has used by when it waits for its next invocation, where the kernel tells.
    pub(super) async fn cpu(&mut self) -> Result<Duration> {
        self.wait_until_it_waits().await?;
        Ok(self.child.id().map(cpu_time).unwrap_or_default())
    }

    /// The most memory that it has used, in kB; 0 where that is not known.
    pub(super) fn peak_memory(&self) -> u64 {
        self.peak
    }

    async fn outcome(&mut self, request: &str, stop: Instant) -> Result<Outcome> {
        // Not at once: a look takes some of the CPU that the function needs.
        let mut looks = interval_at(Instant::now() + LOOK, LOOK);
        loop {
            tokio::select! {
                biased;
                said = self.api.said() => match said {
                    Said::Answered { request_id, answer } if request_id == request => {
                        return Ok(Outcome::Answered(answer));
                    }
                    Said::Failed { request_id, error } if request_id == request => {
                        return Ok(Outcome::Failed(error));
                    }
                    _ => {}
                },
                status = self.child.wait() => return Ok(Outcome::Died(status?)),
                () = sleep_until(stop) => return Ok(Outcome::TimedOut),
                _ = looks.tick() => self.look(),
            }
        }
    }

    async fn wait_until_it_waits(&mut self) -> Result<()> {
        let stop = Instant::now() + INIT;
        while !self.waits {
            tokio::select! {
                biased;
                said = self.api.said() => match said {
                    Said::Waiting => self.waits = true,
                    Said::InitFailed(error) => bail!("the function could not start: {error}"),
                    Said::Answered { .. } | Said::Failed { .. } => {}
                },
                status = self.child.wait() => bail!("the function ended before it was invoked: {}", status?),
                () = sleep_until(stop) => bail!("the function has not asked for an invocation within {INIT:?}"),
            }
        }
        Ok(())
    }

    /// Takes down how much memory it has used.
    fn look(&mut self) {
        self.peak = self.child.id().and_then(most_resident).unwrap_or(self.peak);
    }
}

/// What a process is made to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signal {
    Stop,
    GoOn,
}

#[cfg(unix)]
pub(super) fn send(id: u32, signal: Signal) -> Result<()> {
    use rustix::process::{self, Pid};
    let id = Pid::from_raw(id.try_into()?).context("no process has the id 0")?;
    let signal = match signal {
        Signal::Stop => process::Signal::STOP,
        Signal::GoOn => process::Signal::CONT,
    };
    Ok(process::kill_process(id, signal)?)
}

#[cfg(not(unix))]
pub(super) fn send(id: u32, signal: Signal) -> Result<()> {
    bail!("no {signal:?} for process {id}: this system has no signals")
}

/// The CPU time of a process, of all threads that it has.
pub(crate) fn cpu_time(id: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let times = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
    let nanoseconds = times.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok());
    Duration::from_nanos(nanoseconds.sum())
}

/// The most that was resident of a process's memory, in kB, where the kernel tells.
pub(crate) fn most_resident(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
