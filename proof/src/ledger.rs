//! What was run, as lines of JSON in a file: volumes add up over runs, each with its seed and commit.

use std::{
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

/// How much of something was done in all.
#[derive(Default)]
struct Sum<'a> {
    count: u64,
    runs: usize,
    commits: BTreeSet<&'a str>,
}

/// Prints two tables in Markdown: what was done in all runs, by part and unit, and the runs.
#[expect(clippy::print_stdout, reason = "this is what the program is for")]
pub(crate) fn sum(file: &Path) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let read = |line| serde_json::from_str(line).with_context(|| format!("not a run: {line}"));
    let lines: Vec<Line> = text.lines().map(read).collect::<Result<_>>()?;
    println!("| Part | Done | Of what | Runs | Commits |\n|---|---:|---|---:|---|");
    for ((part, unit), Sum { count, runs, commits }) in sums(&lines) {
        let commits = commits.into_iter().collect::<Vec<_>>().join(", ");
        println!("| {part} | {count} | {unit} | {runs} | {commits} |");
    }
    println!("\n| Run | Date | Commit | Seconds | Result |\n|---|---|---|---:|---|");
    for Line { time, commit, seed, seconds, broken, arguments, .. } in &lines {
        let date = time.get(..10).unwrap_or(time);
        let result = match broken.len() {
            0 => "held".to_owned(),
            some => format!("{some} broken"),
        };
        println!("| `proof {arguments} --seed {seed}` | {date} | {commit} | {seconds} | {result} |");
    }
    Ok(())
}

fn sums(lines: &[Line]) -> BTreeMap<(&str, &str), Sum<'_>> {
    let mut sums: BTreeMap<(&str, &str), Sum<'_>> = BTreeMap::new();
    for line in lines {
        // What a colon divides is a part of another count.
        for (unit, count) in line.counts.iter().filter(|(unit, _)| !unit.contains(':')) {
            let sum = sums.entry((&line.part, unit)).or_default();
            // The model is the same each time, and a process that was invoked often is not two that were less often.
            let is_largest = line.part == "model" || unit.starts_with(ONE_PROCESS);
            sum.count = if is_largest { sum.count.max(*count) } else { sum.count + count };
            sum.runs += 1;
            sum.commits.insert(&line.commit);
        }
    }
    sums
}
