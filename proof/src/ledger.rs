//! What was run, as lines of JSON in a file: volumes add up over runs, each with its seed and commit.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use anyhow::{Context, Result};

use crate::run::Line;

/// How what was invoked is called: it is of one process, and the most that any had is what counts.
pub(crate) const ONE_PROCESS: &str = "invocations of one process of ";

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

/// What was done of a part in all its runs.
#[derive(Default)]
struct Sum<'a> {
    counts: BTreeMap<&'a str, u64>,
    runs: usize,
    commits: BTreeSet<&'a str>,
}

/// Prints two tables in Markdown: what was done of each part in all, and the runs.
#[expect(clippy::print_stdout, reason = "this is what the program is for")]
pub(crate) fn sum(file: &Path) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let read = |line| serde_json::from_str(line).with_context(|| format!("not a run: {line}"));
    let lines: Vec<Line> = text.lines().map(read).collect::<Result<_>>()?;
    println!("| Part | Done | Runs | Commits |\n|---|---|---:|---|");
    for (part, Sum { counts, runs, commits }) in sums(&lines) {
        let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
        // The largest first, which for most parts is what they do.
        counts.sort_by_key(|(_, count)| Reverse(*count));
        let told: Vec<String> =
            counts.into_iter().map(|(unit, count)| format!("{} {unit}", in_thousands(count))).collect();
        let commits = commits.into_iter().collect::<Vec<_>>().join(", ");
        println!("| {part} | {} | {runs} | {commits} |", told.join("; "));
    }
    println!("\n| Run | Date | Commit | Seconds | Result |\n|---|---|---|---:|---|");
    for Line { time, commit, seed, seconds, broken, arguments, .. } in &lines {
        let date = time.get(..10).unwrap_or(time);
        let result = match broken.len() {
            0 => "held".to_owned(),
            some => format!("{some} broken"),
        };
        println!(
            "| `proof {arguments} --seed {seed}` | {date} | {commit} | {} | {result} |",
            in_thousands(*seconds)
        );
    }
    Ok(())
}

fn sums(lines: &[Line]) -> BTreeMap<&str, Sum<'_>> {
    let mut sums: BTreeMap<&str, Sum<'_>> = BTreeMap::new();
    for line in lines {
        let sum = sums.entry(&line.part).or_default();
        sum.runs += 1;
        sum.commits.insert(&line.commit);
        // What a colon divides is a part of another count, or none.
        for (unit, count) in line.counts.iter().filter(|(unit, _)| !unit.contains(':')) {
            let all = sum.counts.entry(unit).or_default();
            // The model is the same each time, and a process that was invoked often is not two that were less often.
            let is_largest = line.part == "model" || unit.starts_with(ONE_PROCESS);
            *all = if is_largest { *count.max(all) } else { *all + count };
        }
    }
    sums
}

/// With commas.
fn in_thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
