//! What became of the mutants, all together.

use std::collections::BTreeMap;

use super::{cargo::Outcome, interval::wilson, mutant::Mutant, rooms};
use crate::run::Run;

#[derive(Default)]
pub(super) struct Tally {
    rooms: BTreeMap<&'static str, BTreeMap<Outcome, u64>>,
}

impl Tally {
    /// One more. A mutant that all tests miss is a promise that none of them keeps.
    pub(super) fn add(&mut self, mutant: &Mutant, outcome: Outcome, run: &Run) {
        let unit = match outcome {
            Outcome::Caught => "mutants caught",
            Outcome::TimedOut => "mutants that did not end",
            Outcome::Missed => "mutants missed",
            Outcome::Unviable => "mutants that do not compile",
        };
        run.count(unit, 1);
        *self.rooms.entry(rooms::of(&mutant.file)).or_default().entry(outcome).or_default() += 1;
        match outcome {
            Outcome::Missed => run.broken(format!("no test notices {}", mutant.name)),
            Outcome::Unviable => run.say(&format!("it does not compile: {}", mutant.name)),
            // That is for a person to judge: a slow machine may be the cause.
            Outcome::TimedOut => run.say(&format!("its tests did not end: {}", mutant.name)),
            Outcome::Caught => {}
        }
    }

    pub(super) fn say(&self, run: &Run) {
        let mut all = BTreeMap::new();
        for (room, outcomes) in &self.rooms {
            run.say(&format!("{room}: {}", told(outcomes)));
            for (outcome, count) in outcomes {
                *all.entry(*outcome).or_default() += count;
            }
        }
        run.say(&format!("all: {}", told(&all)));
    }
}

fn told(outcomes: &BTreeMap<Outcome, u64>) -> String {
    let of = |outcome| outcomes.get(&outcome).copied().unwrap_or_default();
    let caught = of(Outcome::Caught) + of(Outcome::TimedOut);
    let viable = caught + of(Outcome::Missed);
    let (low, high) = wilson(caught, viable);
    format!(
        "{caught} of {viable} that compile are caught, {} of them by tests that do not end; if they were drawn at random, \
         so are {:.1} to {:.1} % of all",
        of(Outcome::TimedOut),
        low * 100.0,
        high * 100.0
    )
}
