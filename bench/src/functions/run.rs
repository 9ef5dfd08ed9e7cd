//! One start of a program, and what it is asked for then.

use std::{
    fmt::{self, Display},
    sync::atomic::Ordering,
    time::Duration,
};

use anyhow::{Result, bail, ensure};
use serde_json::Value;
use tokio::time::sleep;

use super::{
    floor::Update,
    subject::{Events, Kind, Subject},
};
use crate::lambda::{CpuShare, Function, Invoked, Lambda, MB_OF_ONE_CPU, Outcome};

/// How much of a CPU a program gets, from its first invocation on. It has a whole one for its start, as on Lambda.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Share {
    Whole,
    /// What Lambda gives with so many MB.
    OfMemory(u32),
}

/// What a program has used up of its share is there again after that.
const PAUSE: Duration = Duration::from_millis(40);

/// What one start showed.
pub(super) struct Run {
    /// From the start until it asked for an invocation, or had its connection.
    pub(super) init: Duration,
    /// The part of it which was the connection's, where that is known.
    pub(super) connection: Option<Duration>,
    /// The first invocation, or call.
    pub(super) first: Duration,
    /// Those after it.
    pub(super) warm: Vec<Duration>,
    /// The CPU time of one of those.
    pub(super) cpu: Duration,
    /// The most memory that it has used, in kB.
    pub(super) peak: u64,
}

impl Share {
    fn limit(self) -> Option<CpuShare> {
        match self {
            Self::Whole => None,
            Self::OfMemory(memory) => Some(CpuShare::of_memory(memory)),
        }
    }

    /// How it is enforced.
    pub(super) fn means(self) -> Option<&'static str> {
        self.limit().map(|share| share.means())
    }

    fn is_less_than_one(self) -> bool {
        matches!(self, Self::OfMemory(memory) if u64::from(memory) < MB_OF_ONE_CPU)
    }

    /// Between invocations, as between requests, a function may rest.
    async fn pause(self) {
        if self.is_less_than_one() {
            sleep(PAUSE).await;
        }
    }
}

impl Display for Share {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => out.write_str("the whole CPU"),
            Self::OfMemory(memory) => write!(out, "the CPU of {memory} MB"),
        }
    }
}

/// Starts it, and asks it for one invocation and `warm` more.
pub(super) async fn run(subject: &Subject, share: Share, warm: u32) -> Result<Run> {
    match &subject.kind {
        Kind::Function { function, events } => run_function(function, events, share, warm).await,
        Kind::Update { environment, now } => {
            let limit = share.limit();
            let now = now.fetch_add(1_000_000, Ordering::Relaxed);
            let mut update = Update::start(&subject.program, environment, now).await?;
            if let Some(limit) = &limit {
                update.limit_to(limit)?;
            }
            let first = update.calls(1).await?;
            let before = update.cpu();
            let mut times = Vec::new();
            for _ in 0..warm {
                share.pause().await;
                times.extend(update.calls(1).await?);
            }
            let run = Run {
                init: update.init,
                connection: Some(update.connection),
                first: first.into_iter().sum(),
                warm: times,
                cpu: update.cpu().saturating_sub(before) / warm.max(1),
                peak: update.peak_memory(),
            };
            update.end().await?;
            Ok(run)
        }
    }
}

async fn run_function(function: &Function, events: &Events, share: Share, warm: u32) -> Result<Run> {
    let mut lambda = Lambda::new(function.clone(), share.limit());
    let init = lambda.start().await?;
    let first = answered(lambda.invoke(events.next()).await?)?.time;
    let before = lambda.cpu().await?;
    let (mut times, mut peak) = (Vec::new(), 0);
    for _ in 0..warm {
        share.pause().await;
        let invoked = answered(lambda.invoke(events.next()).await?)?;
        times.push(invoked.time);
        peak = invoked.peak_memory;
    }
    let cpu = lambda.cpu().await?.saturating_sub(before) / warm.max(1);
    lambda.end().await?;
    Ok(Run { init, connection: None, first, warm: times, cpu, peak })
}

/// What an invocation takes after the function was frozen for `silence`; by name, `count` of each.
pub(super) async fn silence(
    subjects: &[&Subject],
    share: Share,
    count: u32,
    silence: Duration,
) -> Result<Vec<(String, Vec<Duration>)>> {
    let mut frozen = Vec::new();
    for subject in subjects {
        let Kind::Function { function, events } = &subject.kind else { continue };
        for _ in 0..count {
            let mut lambda = Lambda::new(function.clone(), share.limit());
            for _ in 0..3 {
                answered(lambda.invoke(events.next()).await?)?;
            }
            lambda.freeze().await?;
            frozen.push((subject, events, lambda));
        }
    }
    sleep(silence).await;
    let mut times: Vec<(String, Vec<Duration>)> = Vec::new();
    for (subject, events, mut lambda) in frozen {
        lambda.thaw()?;
        let time = answered(lambda.invoke(events.next()).await?)?.time;
        lambda.end().await?;
        match times.iter_mut().find(|(name, _)| *name == subject.name) {
            Some((_, times)) => times.push(time),
            None => times.push((subject.name.clone(), vec![time])),
        }
    }
    Ok(times)
}

/// An invocation that was answered as it should be.
fn answered(invoked: Invoked) -> Result<Invoked> {
    let Outcome::Answered(answer) = &invoked.outcome else {
        bail!("an invocation came to {:?}", invoked.outcome);
    };
    let answer: Value = serde_json::from_slice(answer)?;
    let fine = answer["statusCode"].as_u64().is_none_or(|status| status < 400);
    ensure!(fine, "an answer is {answer}");
    Ok(invoked)
}
