//! How many instructions functions take for an event, counted by valgrind, beside those of the committed baseline.
//!
//! Unlike time they are the same on a busy machine, so that a small difference can be told.

mod callgrind;
mod figures;

use std::{
    collections::BTreeMap,
    env,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use self::{callgrind::counted, figures::Figures};

/// What is to be counted, and what becomes of it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Fail if a function takes 5 % more than the baseline says, or if that is of another Cargo.lock or toolchain
    #[arg(long)]
    pub check: bool,
    /// Make what is counted the baseline
    #[arg(long, conflicts_with = "check")]
    pub write: bool,
    /// The program whose instructions are counted
    #[arg(long, value_name = "FILE", default_value = "target/lambda/counted/bootstrap")]
    pub program: PathBuf,
    /// The baseline
    #[arg(long, value_name = "FILE", default_value = "bench/instructions.json")]
    pub baseline: PathBuf,
    /// Where what callgrind tells goes: `callgrind_annotate` shows it
    #[arg(long, value_name = "FOLDER", default_value = "target/instructions")]
    pub folder: PathBuf,
}

/// An event that is counted. Of few runs and of many: the difference is that of the runs between, when nothing is done
/// for the first time any more.
struct Subject {
    name: &'static str,
    title: &'static str,
    few: u32,
    many: u32,
    /// What one run does so often.
    times: u32,
}

const SUBJECTS: [Subject; 4] = [
    Subject { name: "heartbeat", title: "heartbeat", few: 20, many: 220, times: 1 },
    Subject { name: "login", title: "login", few: 20, many: 120, times: 1 },
    Subject { name: "list", title: "list of 20 sessions", few: 20, many: 120, times: 1 },
    Subject { name: "rollup", title: "rollup, for a record", few: 1, many: 6, times: 1_000 },
];

/// Counts, and prints a line for each; an error if it is a check and fails.
pub fn count(options: &Options, out: &mut dyn Write) -> Result<()> {
    let baseline = if options.write { None } else { Some(Figures::read(&options.baseline)?) };
    let is_alike = baseline.as_ref().is_some_and(|baseline| baseline.architecture == env::consts::ARCH);
    if options.check && !is_alike {
        // Another processor has other instructions.
        writeln!(out, "Nothing is checked: there is no baseline of {}.", env::consts::ARCH)?;
        return Ok(());
    }
    let program = program(&options.program)?;
    std::fs::create_dir_all(&options.folder)?;
    let mut figures = Figures::of_this_tree(Path::new("Cargo.lock"))?;
    writeln!(out, "{}, {}, {}", figures.architecture, figures.toolchain, callgrind::version()?)?;
    writeln!(out, "{:<22}{:>14}{:>12}", "", "instructions", "baseline")?;
    for subject in &SUBJECTS {
        let [few, many] =
            [subject.few, subject.many].map(|runs| counted(&program, subject.name, runs, &options.folder));
        let between = u64::from(subject.times) * u64::from(subject.many - subject.few);
        let each = many?.checked_sub(few?).context("more runs took fewer instructions")? / between;
        let before = baseline.as_ref().and_then(|baseline| baseline.instructions.get(subject.name));
        let change = before.filter(|_| is_alike).map(|before| format!("{:+.1} %", percent(each, *before)));
        writeln!(out, "{:<22}{each:>14}{:>12}", subject.title, change.unwrap_or_default())?;
        figures.instructions.insert(subject.name.to_owned(), each);
    }
    match baseline {
        Some(baseline) if options.check => conclude(&figures, &baseline, out),
        Some(_) => Ok(()),
        None => figures.write(&options.baseline),
    }
}

fn program(path: &Path) -> Result<PathBuf> {
    ensure!(
        path.is_file(),
        "there is no {}: build it with `cargo lambda build --release -p counted`",
        path.display()
    );
    Ok(path.canonicalize()?)
}

fn conclude(figures: &Figures, baseline: &Figures, out: &mut dyn Write) -> Result<()> {
    let verdict = figures.against(baseline);
    for line in &verdict.remarks {
        writeln!(out, "{line}")?;
    }
    for line in &verdict.failures {
        writeln!(out, "FAILED: {line}")?;
    }
    if verdict.failures.is_empty() {
        return Ok(());
    }
    bail!("if that is as it should be, `cargo run -p bench -- instructions --write` makes a new baseline")
}

/// By how much `now` is more than `before`.
#[expect(clippy::cast_precision_loss, reason = "for people, and far from that many")]
fn percent(now: u64, before: u64) -> f64 {
    (now as f64 - before as f64) * 100.0 / before as f64
}

/// The figures of each subject, by its name.
type Instructions = BTreeMap<String, u64>;
