//! Mutants that no test can notice, each with the reason, as a person has found them: `proof/equivalent-mutants.json`.

use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{cargo, mutant::Mutant};

const FILE: &str = "proof/equivalent-mutants.json";

/// A mutant without its place, which moves with every change above it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    file: String,
    change: String,
    /// The line that is changed. If that is another one, a person has to look again.
    line: String,
    /// Why it is no change to anybody.
    #[expect(dead_code, reason = "for people")]
    reason: String,
}

impl Entry {
    fn is(&self, mutant: &Mutant) -> Result<bool> {
        Ok(self.file == mutant.file && self.change == mutant.change() && self.line == mutant.line()?)
    }
}

/// Takes those of the list away. Tells how many these are, and which of the list are no mutants any more.
pub(super) fn split(mutants: &mut Vec<Mutant>) -> Result<(usize, Vec<String>)> {
    let text = fs::read_to_string(cargo::root()?.join(FILE)).with_context(|| format!("reading {FILE}"))?;
    let entries: Vec<Entry> = serde_json::from_str(&text).with_context(|| format!("reading {FILE}"))?;
    let (mut known, mut stale) = (0, Vec::new());
    for entry in entries {
        let before = mutants.len();
        let mut kept = Vec::with_capacity(before);
        for mutant in mutants.drain(..) {
            if !entry.is(&mutant)? {
                kept.push(mutant);
            }
        }
        *mutants = kept;
        known += before - mutants.len();
        if before == mutants.len() {
            stale.push(format!("{}: {}", entry.file, entry.change));
        }
    }
    Ok((known, stale))
}
