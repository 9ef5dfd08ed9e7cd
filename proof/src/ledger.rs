//! What was run, as lines of JSON in a file: volumes add up over runs, each with its seed and commit.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use anyhow::{Context, Result};

use crate::run::Line;

/// One more line.
pub(crate) fn append(file: &Path, line: &Line) -> Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .with_context(|| format!("opening {}", file.display()))?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Prints a table in Markdown: what was done in all runs, by part and unit.
#[expect(clippy::print_stdout, reason = "this is what the program is for")]
pub(crate) fn sum(file: &Path) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let mut sums: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).with_context(|| format!("not a run: {line}"))?;
        // What a colon divides is a part of another count.
        for (unit, count) in line.counts.into_iter().filter(|(unit, _)| !unit.contains(':')) {
            let (runs, sum) = sums.entry((line.part.clone(), unit)).or_default();
            *runs += 1;
            *sum += count;
        }
    }
    println!("| Part | Done | Of what | Runs |\n|---|---:|---|---:|");
    for ((part, unit), (runs, sum)) in sums {
        println!("| {part} | {sum} | {unit} | {runs} |");
    }
    Ok(())
}
