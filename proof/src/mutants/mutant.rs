//! The mutants that cargo-mutants can make.

use std::{
    collections::{HashMap, HashSet},
    fs,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::{cargo, rooms};

/// One change of the code, in one place.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Mutant {
    /// File, line and column, and what is replaced by what.
    pub(super) name: String,
    pub(super) package: String,
    /// As in `shared/src/sessions/rules.rs`.
    pub(super) file: String,
    span: Span,
}

#[derive(Clone, Debug, Deserialize)]
struct Span {
    start: Place,
}

#[derive(Clone, Debug, Deserialize)]
struct Place {
    line: usize,
}

impl Mutant {
    /// What is replaced by what, as in `replace < with <= in Comparison::holds_of`: the name without the place, which
    /// moves with every change above it.
    pub(super) fn change(&self) -> &str {
        self.name.splitn(4, ':').last().unwrap_or_default().trim_start()
    }

    /// The line that it changes, or that it begins in.
    pub(super) fn line(&self) -> Result<String> {
        let file = cargo::root()?.join(&self.file);
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let line = text.lines().nth(self.span.start.line.saturating_sub(1));
        Ok(line.unwrap_or_default().trim().to_owned())
    }
}

/// All of the rooms.
pub(super) async fn all() -> Result<Vec<Mutant>> {
    listed(&[]).await
}

/// The commit before the last so many that changed the rooms; `None` if the history does not go back so far, as in a
/// shallow clone.
pub(super) async fn before_last(commits: u32) -> Result<Option<String>> {
    let log = String::from_utf8(git(&["log", "--format=%H %P", &format!("-{commits}")]).await?)?;
    let parents = log.lines().last().map(str::split_whitespace);
    Ok(parents.and_then(|mut commit| commit.nth(1)).map(str::to_owned))
}

/// The names of those of what is different now from what it was in that commit.
pub(super) async fn changed_since(commit: &str) -> Result<HashSet<String>> {
    // As git has it where nobody has set anything.
    let plain = ["--no-ext-diff", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"];
    let diff = git(&[&["diff"], &plain[..], &[commit]].concat()).await?;
    if diff.is_empty() {
        return Ok(HashSet::new());
    }
    let file = cargo::folder()?.join("changed.diff");
    fs::write(&file, &diff).with_context(|| format!("writing {}", file.display()))?;
    let file = file.to_str().context("a path that is no text")?;
    Ok(listed(&["--in-diff", file]).await?.into_iter().map(|mutant| mutant.name).collect())
}

/// What git tells of the rooms.
async fn git(arguments: &[&str]) -> Result<Vec<u8>> {
    let mut command = Command::new("git");
    command.current_dir(cargo::root()?).args(arguments).arg("--").args(rooms::FOLDERS);
    let output = command.output().await.context("git cannot be run")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {}: {said}\nIs the clone a shallow one?", arguments.join(" "));
    Ok(output.stdout)
}

async fn listed(which: &[&str]) -> Result<Vec<Mutant>> {
    let mut mutants = read(&cargo::list(which).await?)?;
    mutants.retain(|mutant| rooms::has(&mutant.file));
    mutants.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(mutants)
}

/// Of a change in which there is no mutant cargo-mutants says nothing at all.
fn read(text: &str) -> Result<Vec<Mutant>> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(text).context("cargo-mutants lists them in another way")
}

/// Brings them into an order that is as good as a random one, and stays for those that stay: a change of the code brings
/// no others to the front than its own.
pub(super) fn shuffle(mutants: &mut [Mutant], seed: u64) {
    let mut alike = HashMap::<_, u32>::new();
    let mut places = HashMap::new();
    for mutant in &*mutants {
        let number = alike.entry((&mutant.file, mutant.change())).or_default();
        *number += 1;
        // The same with each version of Rust.
        let about = format!("{seed}\n{}\n{}\n{number}", mutant.file, mutant.change());
        places.insert(mutant.name.clone(), Sha256::digest(about));
    }
    mutants.sort_by_key(|mutant| places.get(&mutant.name).copied());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mutant(line: usize, change: &str) -> Mutant {
        serde_json::from_value(json!({
            "name": format!("a/b.rs:{line}:51: {change}"), "package": "a", "file": "a/b.rs", "genre": "BinaryOperator",
            "span": { "start": { "line": line, "column": 51 }, "end": { "line": line, "column": 52 } },
        }))
        .unwrap()
    }

    #[test]
    fn a_change_without_a_mutant_has_none() {
        assert!(read("\n").unwrap().is_empty());
        assert!(read("{}").is_err());
    }

    #[test]
    fn the_change_is_the_name_without_its_place() {
        let change = "replace Option<T>::of -> A::B with x: y";
        assert_eq!(mutant(88, change).change(), change);
    }

    #[test]
    fn lines_that_are_added_above_leave_the_order() {
        let changes = |from: usize, seed| {
            let mut mutants: Vec<_> = (0..40)
                .map(|number| mutant(from + number, &format!("delete ! in f{}", number / 2)))
                .collect();
            shuffle(&mut mutants, seed);
            mutants.iter().map(|mutant| mutant.span.start.line - from).collect::<Vec<_>>()
        };
        assert_eq!(changes(1, 7), changes(1_000, 7));
        assert_ne!(changes(1, 7), changes(1, 8));
        assert_ne!(changes(1, 7), (0..40).collect::<Vec<_>>());
    }
}
