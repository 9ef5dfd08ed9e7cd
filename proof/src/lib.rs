//! What is thrown at the promises. Each part is a command that prints its seed and how to repeat it, counts what it did,
//! and fails if a promise was broken.

mod abuse;
mod all;
mod exploration;
mod fuzz;
mod histories;
mod kill;
mod ledger;
mod mutants;
mod run;
mod server;
mod wire;

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

pub use self::run::Limits;
use self::run::Run;

/// The parts of the proof.
#[derive(Clone, Debug, Subcommand)]
pub enum Part {
    /// Explore the session protocol's model, whole within its bounds
    Model(exploration::Options),
    /// Many clients under faults, and their histories against the rules
    Histories(histories::Options),
    /// Made-up inputs, guided by what they reach
    Fuzz(fuzz::Options),
    /// Mutants of the code, which the tests must catch
    Mutants(mutants::Options),
    /// Kill the local server under load, and fill its disk
    Kill(kill::Options),
    /// Hostile callers beside honest ones
    Abuse(abuse::Options),
    /// All parts, one after the other, each with its share of the time
    All,
    /// Add up what was run, by the file that --record has written
    Sum {
        /// That file
        #[arg(default_value = "proof/runs.jsonl")]
        record: PathBuf,
    },
}

impl Part {
    fn name(&self) -> &'static str {
        match self {
            Self::Model(_) => "model",
            Self::Histories(_) => "histories",
            Self::Fuzz(_) => "fuzz",
            Self::Mutants(_) => "mutants",
            Self::Kill(_) => "kill",
            Self::Abuse(_) => "abuse",
            Self::All => "all",
            Self::Sum { .. } => "sum",
        }
    }
}

/// Runs a part within `limits`. It fails if a promise was broken, or if that could not be told.
pub async fn run(part: Part, limits: &Limits) -> Result<()> {
    match part {
        Part::All => Box::pin(all::run(limits)).await,
        Part::Sum { record } => ledger::sum(&record),
        part => one(part, &run::given(), limits).await,
    }
}

async fn one(part: Part, given: &str, limits: &Limits) -> Result<()> {
    let run = Run::begin(part.name(), given, limits)?;
    let outcome = match part {
        Part::Model(options) => exploration::run(options, &run).await,
        Part::Histories(options) => histories::run(options, &run).await,
        Part::Fuzz(options) => fuzz::run(options, &run).await,
        Part::Mutants(options) => mutants::run(options, &run).await,
        Part::Kill(options) => kill::run(options, &run).await,
        Part::Abuse(options) => abuse::run(options, &run).await,
        Part::All | Part::Sum { .. } => Ok(()),
    };
    run.end(outcome)
}
