//! `cargo mutants`: it lists mutants and tests them.

use std::{
    collections::{BTreeSet, HashMap},
    env, fs, mem,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tokio::process::Command;

use super::{
    build::Build,
    mutant::Mutant,
    rooms::{self, Selection},
};

/// How it is installed, and that its output is of the version that was read here.
const INSTALL: &str = "install it with `cargo install cargo-mutants --version 27.1.0 --locked --debug`";

/// A mutant's tests take too long when they take so many times as long as those of no mutant, but at least so much.
const TIMES: u32 = 5;
const AT_LEAST: Duration = Duration::from_mins(1);

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// A test failed.
    Caught,
    /// The tests did not come to an end, which is noticed as well.
    TimedOut,
    /// No test failed.
    Missed,
    /// It does not compile.
    Unviable,
}

/// What became of some mutants, and how long it took.
pub(super) struct Trial {
    outcomes: HashMap<String, Outcome>,
    /// To test what is not mutated, once it is built.
    pub(super) baseline: Duration,
    /// All mutants together.
    pub(super) mutants: Duration,
}

impl Trial {
    pub(super) fn outcome(&self, mutant: &Mutant) -> Result<Outcome> {
        self.outcomes.get(&mutant.name).copied().with_context(|| format!("{} was not tried", mutant.name))
    }
}

/// The repository.
pub(super) fn root() -> Result<PathBuf> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("this crate is no folder of a repository")?;
    Ok(root.to_owned())
}

/// Where all of this is kept between runs.
pub(super) fn folder() -> Result<PathBuf> {
    let folder = root()?.join("target/mutants");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

/// What there is, as JSON.
pub(super) async fn list(which: &[&str]) -> Result<String> {
    let mut command = Command::new("cargo");
    command
        .current_dir(root()?)
        .args(["mutants", "--list", "--json", "--workspace", "--level", "error"])
        .args(which);
    for folder in rooms::FOLDERS {
        let glob =
            if Path::new(folder).extension().is_some() { folder.to_owned() } else { format!("{folder}/**") };
        command.args(["--file", &glob]);
    }
    let output = command.output().await.context("cargo cannot be run")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo mutants --list: {said}\nIf there is no such command, {INSTALL}");
    Ok(String::from_utf8(output.stdout)?)
}

/// Has the mutants meet these tests.
pub(super) async fn test(build: &Build, mutants: &[&Mutant], tests: &Selection) -> Result<Trial> {
    // cargo-mutants would try that with the mutated package alone, which may have none of the tests.
    let baseline = baseline(build, tests).await?;
    let timeout = (baseline * TIMES).max(AT_LEAST).as_secs();
    let mut command = command(build);
    command
        .args(["mutants", "--in-place", "--workspace", "--baseline=skip", "--colors=never", "--no-times"])
        .arg(format!("--timeout={timeout}"))
        .arg("--dir")
        .arg(&build.sources)
        .arg("--output")
        .arg(&build.outcomes);
    for file in mutants.iter().map(|mutant| &mutant.file).collect::<BTreeSet<_>>() {
        // Of its kinds of mutants one, a field that is left out, goes by files alone.
        command.arg("--file").arg(file);
    }
    for mutant in mutants {
        command.arg(format!("--re=^{}$", escaped(&mutant.name)));
    }
    let (status, said) = logged(command.args(tests.of_cargo_mutants())).await?;
    // 2: some are missed; 3: some took too long.
    ensure!(matches!(status.code(), Some(0 | 2 | 3)), "cargo mutants: {status}\n{said}");
    let report = build.outcomes.join("mutants.out/outcomes.json");
    trial(&fs::read_to_string(&report).with_context(|| format!("reading {}", report.display()))?, baseline)
}

/// How long the tests take of what is not mutated. They must hold there.
async fn baseline(build: &Build, tests: &Selection) -> Result<Duration> {
    let mut took = Duration::ZERO;
    for only_build in [&["--no-run"][..], &[]] {
        let began = Instant::now();
        let mut command = command(build);
        command.arg("test").args(only_build).args(tests.of_cargo()).current_dir(&build.sources);
        let (status, said) = logged(&mut command).await?;
        ensure!(status.success(), "the tests fail of what is no mutant: {said}");
        took = began.elapsed();
    }
    Ok(took)
}

/// Cargo, in the folder where mutants are built.
fn command(build: &Build) -> Command {
    // A mutant may fill all memory: so much, in KB, is more than any compiler or test needs. Where there is no such limit,
    // it goes without.
    const MEMORY: &str = "ulimit -v 12000000 2>/dev/null; exec \"$@\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", MEMORY, "sh", "cargo"])
        .env("CARGO_TARGET_DIR", &build.target)
        // Each mutant is one small change of what was just built.
        .env("CARGO_INCREMENTAL", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .stdin(Stdio::null());
    command
}

/// Runs it, and tells what it said.
async fn logged(command: &mut Command) -> Result<(ExitStatus, String)> {
    let path = folder()?.join("log.txt");
    let log = fs::File::create(&path).with_context(|| format!("writing {}", path.display()))?;
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.stdout(log.try_clone()?).stderr(log).spawn().context("sh cannot be run")?;
    let group = child.id().map(Group);
    let status = child.wait().await?;
    // There is nobody left in it.
    mem::forget(group);
    Ok((status, fs::read_to_string(&path).unwrap_or_default()))
}

/// A process and those that it has started: cargo-mutants, Cargo, tests. Told to end if this is given up before.
struct Group(u32);

impl Drop for Group {
    fn drop(&mut self) {
        let Self(id) = self;
        drop(std::process::Command::new("kill").args(["-TERM", "--", &format!("-{id}")]).status());
    }
}

#[derive(Deserialize)]
struct Report {
    outcomes: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    scenario: Scenario,
    summary: String,
    phase_results: Vec<Phase>,
}

#[derive(Deserialize)]
enum Scenario {
    Baseline,
    Mutant(Named),
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Phase {
    duration: f64,
}

fn trial(report: &str, baseline: Duration) -> Result<Trial> {
    let report: Report =
        serde_json::from_str(report).context("cargo-mutants tells outcomes in another way")?;
    let mut trial = Trial { outcomes: HashMap::new(), baseline, mutants: Duration::ZERO };
    for entry in report.outcomes {
        let took = Duration::from_secs_f64(entry.phase_results.iter().map(|phase| phase.duration).sum());
        match entry.scenario {
            Scenario::Baseline => {}
            Scenario::Mutant(mutant) => {
                trial.mutants += took;
                let outcome = match entry.summary.as_str() {
                    "CaughtMutant" => Outcome::Caught,
                    "Timeout" => Outcome::TimedOut,
                    "MissedMutant" => Outcome::Missed,
                    "Unviable" => Outcome::Unviable,
                    other => bail!("{}: {other}", mutant.name),
                };
                trial.outcomes.insert(mutant.name, outcome);
            }
        }
    }
    Ok(trial)
}

/// The text as a regular expression.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_to_the_letter() {
        assert_eq!(
            escaped("a.rs:1:2: replace && with || in f(x)"),
            r"a\.rs:1:2: replace \&\& with \|\| in f\(x\)"
        );
        assert_eq!(escaped("-> Option<u8> < <="), r"\-> Option<u8> < <=");
    }

    #[test]
    fn outcomes_are_those_of_the_mutants() {
        let trial = trial(
            r#"{"outcomes": [
                {"scenario": "Baseline", "summary": "Success", "phase_results": [{"duration": 2.5}, {"duration": 1}]},
                {"scenario": {"Mutant": {"name": "a"}}, "summary": "MissedMutant", "phase_results": [{"duration": 4}]},
                {"scenario": {"Mutant": {"name": "b"}}, "summary": "Timeout", "phase_results": []}
            ], "missed": 1}"#,
            Duration::ZERO,
        )
        .unwrap();
        assert_eq!(trial.outcomes["a"], Outcome::Missed);
        assert_eq!(trial.outcomes["b"], Outcome::TimedOut);
        assert_eq!(trial.mutants, Duration::from_secs(4));
    }

    #[test]
    fn an_outcome_that_nobody_knows_is_no_outcome() {
        let report = r#"{"outcomes": [{"scenario": {"Mutant": {"name": "a"}}, "summary": "Failure", "phase_results": []}]}"#;
        assert!(trial(report, Duration::ZERO).is_err());
    }
}
