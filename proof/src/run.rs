//! One run of a part: its seed, its time, what it counts and what it finds.

use std::{
    collections::BTreeMap,
    env,
    path::PathBuf,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use shared::clock::{Clock, instant};

use crate::ledger;

/// How much a run may take, and from which seed it goes.
#[derive(Args, Clone, Debug)]
pub struct Limits {
    /// End after so many minutes; without it a part ends when it has done what its own options say
    #[arg(long, global = true, value_name = "MINUTES")]
    pub minutes: Option<f64>,
    /// Where the random choices come from; a new one if it is left out
    #[arg(long, global = true, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Append a line about the run to this file
    #[arg(long, global = true, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// A run that is going on.
#[derive(Debug)]
pub(crate) struct Run {
    part: &'static str,
    arguments: String,
    commit: String,
    seed: u64,
    began: Instant,
    limit: Option<Duration>,
    record: Option<PathBuf>,
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    counts: BTreeMap<String, u64>,
    broken: Vec<String>,
}

/// What is written down of a run.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Line {
    pub(crate) part: String,
    /// The part with its options, as on the command line; the seed is beside them.
    pub(crate) arguments: String,
    /// When it began, RFC 3339.
    pub(crate) time: String,
    /// The commit of the code, with `+` if something was changed since.
    pub(crate) commit: String,
    pub(crate) seed: u64,
    pub(crate) seconds: u64,
    /// What was done, by its unit.
    pub(crate) counts: BTreeMap<String, u64>,
    /// What did not hold.
    pub(crate) broken: Vec<String>,
}

impl Run {
    /// A run that begins now, and says how to repeat it: `given` is the part with its own options.
    pub(crate) fn begin(part: &'static str, given: &str, limits: &Limits) -> Result<Self> {
        let seed = limits.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
        let limit = limits
            .minutes
            .map(|minutes| Duration::try_from_secs_f64(minutes * 60.0).context("--minutes is no time"))
            .transpose()?;
        let minutes = limits.minutes.map(|minutes| format!(" --minutes {minutes}")).unwrap_or_default();
        let run = Self {
            part,
            arguments: format!("{given}{minutes}"),
            commit: commit(),
            seed,
            began: Instant::now(),
            limit,
            record: limits.record.clone(),
            noted: Mutex::default(),
        };
        run.say(&format!("{part}: seed {seed}, commit {}", run.commit));
        let arguments = &run.arguments;
        run.say(&format!("repeat: cargo run --profile server -p proof -- {arguments} --seed {seed}"));
        Ok(run)
    }

    /// The seed of all random choices.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// Random numbers for the worker of that number: the same in each run of this seed.
    pub(crate) fn random(&self, worker: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ worker)
    }

    /// The time for all of it; `None` if there is no limit.
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// What is left of the time; `None` if there is no limit.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.limit.map(|limit| limit.saturating_sub(self.began.elapsed()))
    }

    /// How much is to be done: what was asked for, or without that as much as there is time for, or without either `short`.
    pub(crate) fn volume(&self, asked: Option<u64>, short: u64) -> u64 {
        asked.unwrap_or(if self.limit.is_some() { u64::MAX } else { short })
    }

    /// Whether the time is over.
    pub(crate) fn is_over(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    /// A line for people.
    #[expect(clippy::print_stdout, reason = "this is what the program is for")]
    #[expect(clippy::unused_self, reason = "it is a run that has something to say")]
    pub(crate) fn say(&self, line: &str) {
        println!("{line}");
    }

    /// So many more of that unit were done.
    pub(crate) fn count(&self, unit: &str, more: u64) {
        *self.noted().counts.entry(unit.to_owned()).or_default() += more;
    }

    /// How many of that unit were done so far.
    pub(crate) fn counted(&self, unit: &str) -> u64 {
        self.noted().counts.get(unit).copied().unwrap_or_default()
    }

    /// A promise is broken: that is printed at once, and the run fails at its end.
    pub(crate) fn broken(&self, what: String) {
        self.say(&format!("BROKEN: {what}"));
        self.noted().broken.push(what);
    }

    /// Whether a promise was broken so far.
    pub(crate) fn has_broken(&self) -> bool {
        !self.noted().broken.is_empty()
    }

    /// Tells what was done, writes it down if that was asked, and fails if a promise was broken.
    pub(crate) fn end(self, outcome: Result<()>) -> Result<()> {
        let seconds = self.began.elapsed().as_secs();
        let Noted { counts, mut broken } = std::mem::take(&mut *self.noted());
        if let Err(cause) = &outcome {
            broken.push(format!("it could not go on: {cause:#}"));
        }
        for (unit, count) in &counts {
            self.say(&format!("{count:>14}  {unit}"));
        }
        self.say(&format!("{seconds:>14}  seconds"));
        if let Some(file) = &self.record {
            let began = Clock::system().now() - self.began.elapsed();
            let line = Line {
                part: self.part.to_owned(),
                arguments: self.arguments.clone(),
                time: instant(began),
                commit: self.commit.clone(),
                seed: self.seed,
                seconds,
                counts,
                broken: broken.clone(),
            };
            ledger::append(file, &line)?;
        }
        outcome?;
        if !broken.is_empty() {
            bail!("{} broken, seed {}:\n{}", broken.len(), self.seed, broken.join("\n"));
        }
        self.say(&format!("{}: all held", self.part));
        Ok(())
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part and its own options, of what the program was started with: all but what `Limits` are.
pub(crate) fn given() -> String {
    let (mut kept, mut arguments) = (Vec::new(), env::args().skip(1));
    while let Some(argument) = arguments.next() {
        match argument.split_once('=').map_or(argument.as_str(), |(name, _)| name) {
            "--minutes" | "--seed" | "--record" => {
                if !argument.contains('=') {
                    arguments.next();
                }
            }
            _ => kept.push(quoted(argument)),
        }
    }
    kept.join(" ")
}

/// As a shell takes it for one word.
fn quoted(word: String) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,+".contains(letter);
    if word.chars().all(is_plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// The commit that is checked out, with `+` if something is changed; `unknown` outside a repository.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(arguments)
            .output()
            .ok()
            .filter(|output| output.status.success());
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=7", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--", ":/", ":!/proof/runs.jsonl"])
        .is_some_and(|files| !files.is_empty());
    if changed { format!("{commit}+") } else { commit }
}
