//! A function that is invoked again and again, one invocation at a time.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{
    cpu::CpuShare,
    process::{Function, Outcome, Process},
};

/// A function on this Lambda: one that was killed starts anew with its next invocation.
pub struct Lambda {
    function: Function,
    process: Option<Process>,
    share: Option<CpuShare>,
}

/// An invocation that is over.
#[derive(Debug)]
pub struct Invoked {
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took, from when the function had the event; without the start of the process.
    pub time: Duration,
    /// Whether a process was started for it.
    pub cold: bool,
    /// The most memory that its process has used so far, in kB; 0 where that is not known.
    pub peak_memory: u64,
}

impl Lambda {
    /// A function that has yet to start; with a share of a CPU, or as much of it as it wants.
    #[must_use]
    pub fn new(function: Function, share: Option<CpuShare>) -> Self {
        Self { function, process: None, share }
    }

    /// Starts its process, unless there is one. Returns how long it took until it asked for an invocation, when it was
    /// started. It has a whole CPU for that, as on Lambda.
    pub async fn start(&mut self) -> Result<Duration> {
        if let Some(process) = &self.process {
            return Ok(process.init());
        }
        let process = Process::start(&self.function).await?;
        if let Some(share) = &self.share {
            process.limit_to(share)?;
        }
        Ok(self.process.insert(process).init())
    }

    /// The CPU time that its process has used by when it waits for its next invocation.
    pub async fn cpu(&mut self) -> Result<Duration> {
        match &mut self.process {
            Some(process) => process.cpu().await,
            None => Ok(Duration::ZERO),
        }
    }

    /// Invokes it. What the function does wrong is an outcome; that it cannot be started, an error.
    pub async fn invoke(&mut self, event: String) -> Result<Invoked> {
        let cold = self.process.is_none();
        self.start().await?;
        let mut process = self.process.take().context("it has been started")?;
        let (outcome, time) = process.invoke(event).await?;
        let invoked = Invoked { outcome, time, cold, peak_memory: process.peak_memory() };
        if matches!(invoked.outcome, Outcome::Answered(_)) {
            self.process = Some(process);
        }
        Ok(invoked)
    }

    /// Stops its process as Lambda does between invocations, once it waits for the next one.
    pub async fn freeze(&mut self) -> Result<()> {
        match &mut self.process {
            Some(process) => process.freeze(self.share.as_ref()).await,
            None => Ok(()),
        }
    }

    /// Lets it go on.
    pub fn thaw(&self) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), |process| process.thaw(self.share.as_ref()))
    }

    /// Ends its process, if there is one.
    pub async fn end(mut self) -> Result<()> {
        match &mut self.process {
            Some(process) => process.end().await,
            None => Ok(()),
        }
    }
}
