//! Mutants of the code: `cargo mutants` changes it in one place, and the tests must notice.
//!
//! Which mutants there are and how one is made is cargo-mutants' doing. Here is which of them are tried, with which
//! tests, and what is counted. A mutant meets the fast tests first; only one that they miss meets those over HTTP.

mod build;
mod cargo;
mod equivalent;
mod interval;
mod mutant;
mod rooms;
mod tally;

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use self::{build::Build, cargo::Outcome, mutant::Mutant, rooms::Tests, tally::Tally};
use crate::run::Run;

/// What a run is to do.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// So many mutants, drawn from all [default: 20, or as many as there are minutes for]
    #[arg(long, value_name = "NUMBER")]
    sample: Option<u64>,
    /// And before them some of what was changed since that commit
    #[arg(long, value_name = "COMMIT")]
    since: Option<String>,
    /// The like of the last so many commits that changed the code of which there are mutants
    #[arg(long, value_name = "NUMBER", conflicts_with = "since")]
    last: Option<u32>,
    /// So many of what was changed
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    changed: usize,
    /// Do not have those that are left meet all tests: the ones that are about their files must catch them
    #[arg(long)]
    narrow: bool,
    /// Only mutants whose name contains this, as in `limits.rs` or `replace < with <=`
    #[arg(long, value_name = "TEXT", default_value = "")]
    matching: String,
    /// Print the mutants that would be tried, and try none
    #[arg(long)]
    list: bool,
}

/// So many in a run for which nothing else is said.
const SAMPLE: u64 = 20;

/// So many go through all their tests before the next ones are begun, so that a run that ends early has no mutants of which
/// it knows only that the fast tests missed them.
const ROUND: usize = 10;

pub(crate) async fn run(options: Options, run: &Run) -> Result<()> {
    let mutants = chosen(&options, run).await?;
    if options.list {
        for mutant in &mutants {
            run.say(&mutant.name);
        }
        return Ok(());
    }
    let build = Build::prepare()?;
    let mut tally = Tally::default();
    let tests = if options.narrow { &Tests::IN_ORDER[..2] } else { &Tests::IN_ORDER };
    // Together they build less.
    let round = if run.limit().is_some() { ROUND } else { mutants.len() };
    for round in mutants.chunks(round) {
        if run.is_over() {
            break;
        }
        for (mutant, outcome) in tried(&build, round, tests, run).await? {
            tally.add(mutant, outcome, run);
        }
    }
    tally.say(run);
    Ok(())
}

/// The mutants that are to be tried, in the order in which they are.
async fn chosen(options: &Options, run: &Run) -> Result<Vec<Mutant>> {
    let mut all = mutant::all().await?;
    let (known, stale) = equivalent::split(&mut all)?;
    for entry in stale {
        run.broken(format!("listed as equivalent, but there is no such mutant: {entry}"));
    }
    all.retain(|mutant| mutant.name.contains(&options.matching));
    run.say(&format!("{} mutants, beside {known} that are known to be equivalent", all.len()));
    mutant::shuffle(&mut all, run.seed());
    let mut chosen = Vec::new();
    let since = match options.last {
        Some(commits) => mutant::before_last(commits).await?,
        None => options.since.clone(),
    };
    if since.is_none() && options.last.is_some() {
        run.say("the history does not go back so far: nothing is told to have changed");
    }
    if let Some(commit) = &since {
        let changed = mutant::changed_since(commit).await?;
        chosen.extend(all.extract_if(.., |mutant| changed.contains(&mutant.name)).take(options.changed));
        run.say(&format!("{} of the {} that are new since {commit}", chosen.len(), changed.len()));
    }
    all.truncate(run.volume(options.sample, SAMPLE).try_into().unwrap_or(usize::MAX));
    chosen.append(&mut all);
    ensure!(!chosen.is_empty(), "no mutant is called so");
    Ok(chosen)
}

/// What becomes of each. Those that tests miss go on to the next, wider ones.
async fn tried<'a>(
    build: &Build,
    mutants: &'a [Mutant],
    all_tests: &[Tests],
    run: &Run,
) -> Result<Vec<(&'a Mutant, Outcome)>> {
    let mut outcomes = Vec::new();
    let mut left: Vec<&Mutant> = mutants.iter().collect();
    for tests in all_tests {
        for (selection, group) in tests.groups(std::mem::take(&mut left)) {
            let trial = cargo::test(build, &group, &selection).await?;
            run.say(&format!(
                "{} against {tests}: {:.0} s for what is no mutant, then {:.1} s for each",
                group.len(),
                trial.baseline.as_secs_f64(),
                mean(trial.mutants, group.len()).as_secs_f64(),
            ));
            for mutant in group {
                match trial.outcome(mutant)? {
                    Outcome::Missed if Some(tests) != all_tests.last() => left.push(mutant),
                    outcome => outcomes.push((mutant, outcome)),
                }
            }
        }
    }
    Ok(outcomes)
}

fn mean(sum: Duration, count: usize) -> Duration {
    sum.checked_div(u32::try_from(count).unwrap_or(u32::MAX)).unwrap_or_default()
}
