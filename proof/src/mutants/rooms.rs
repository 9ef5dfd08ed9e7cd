//! Which code is mutated, and which tests are about it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::mutant::Mutant;

/// Where mutants are made.
pub(super) const FOLDERS: [&str; 5] = [
    "shared/src/sessions",
    "shared/src/metrics",
    "shared/src/http/caller.rs",
    "shared/src/http/reader.rs",
    "operator/src",
];

/// The modules of `local/tests/api` that are about a file, by how its path begins; the first that fits counts.
const ABOUT: [(&str, &[&str]); 20] = [
    ("shared/src/sessions/limits.rs", &["limits::", "end_all::"]),
    ("shared/src/sessions/chain.rs", &["chains::", "get_session::", "rules::"]),
    ("shared/src/sessions/successor.rs", &["rules::", "races::", "repeated_login::"]),
    ("shared/src/sessions/store.rs", &["rules::", "races::", "faults::", "costs::"]),
    ("shared/src/sessions/active.rs", &["rules::", "limits::", "costs::"]),
    ("shared/src/sessions/journal.rs", &["counters::", "logs::"]),
    ("shared/src/sessions/app.rs", &["program::", "clients::", "limits::"]),
    ("shared/src/sessions/client_policy.rs", &["clients::", "program::"]),
    ("shared/src/sessions/visit.rs", &["rules::", "deadlines::", "faults::"]),
    ("shared/src/sessions/error.rs", &["errors::", "faults::", "logs::"]),
    ("shared/src/sessions/operations/end.rs", &["rules::", "limits::", "end_all::"]),
    ("shared/src/sessions/operations/engage.rs", &["rules::", "chains::", "counters::"]),
    ("shared/src/sessions/operations/get.rs", &["get_session::"]),
    ("shared/src/sessions/operations/login.rs", &["rules::", "repeated_login::", "limits::"]),
    ("shared/src/sessions", &["conditions::", "rules::", "chains::", "counters::"]),
    ("shared/src/metrics", &["metrics::", "rollup::", "recount::"]),
    ("shared/src/http/caller.rs", &["authorizer::", "clients::", "errors::"]),
    ("shared/src/http/reader.rs", &["metrics::", "authorizer::"]),
    ("operator/src/recount", &["recount::"]),
    ("operator/src", &["user::", "end_all::", "recount::", "program::"]),
];

pub(super) fn has(file: &str) -> bool {
    FOLDERS.iter().any(|folder| file.starts_with(folder))
}

/// The room of a file, as it is called where figures are given.
pub(super) fn of(file: &str) -> &'static str {
    FOLDERS.into_iter().find(|folder| file.starts_with(folder)).unwrap_or("elsewhere")
}

/// Tests over HTTP that take longer than all others together.
const LONG: [&str; 3] = ["--skip=more_records_than", "--skip=a_large_table", "--skip=every_fault"];

/// A test of what is to be done within five seconds, which it is not where much else is built and tested: it would tell
/// nothing of the mutant.
const UNSTEADY: &str = "--skip=sixty_four";

/// Tests of what is written about the code.
const DOCUMENTS: &str = "--skip=documents::";

/// What the fast tests of a crate are called that are about a file, by how its path begins; the first that fits counts.
/// Tests that take seconds are left to the files that they are about.
const OWN: [(&str, &[&str]); 7] = [
    ("shared/src/metrics/sketch.rs", &["metrics::sketch"]),
    ("shared/src/metrics/registers.rs", &["metrics::registers", "metrics::sketch"]),
    ("shared/src/metrics", &["metrics::", "--skip=metrics::sketch"]),
    ("shared/src/sessions/image.rs", &["sessions::"]),
    ("shared/src/sessions/item.rs", &["sessions::"]),
    ("shared/src/sessions", &["sessions::", "--skip=sessions::image"]),
    ("shared/src/http", &["http::", "--skip=http::event"]),
];

/// The tests that mutants meet, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tests {
    /// Of the crate itself: for `shared`, seconds for each mutant.
    Own,
    /// Over HTTP, those about the file: all functions and the local server are built for each mutant.
    About,
    /// All over HTTP.
    All,
}

impl Tests {
    pub(super) const IN_ORDER: [Self; 3] = [Self::Own, Self::About, Self::All];

    /// The mutants by the tests that they meet.
    pub(super) fn groups(self, mutants: Vec<&Mutant>) -> BTreeMap<Selection, Vec<&Mutant>> {
        let mut groups: BTreeMap<Selection, Vec<&Mutant>> = BTreeMap::new();
        // Together: what is built is the same for all of them, and takes longer than the tests.
        let modules: BTreeSet<&str> =
            mutants.iter().flat_map(|mutant| of_file(&ABOUT, mutant)).copied().collect();
        for mutant in mutants {
            let selection = match self {
                Self::Own if mutant.package == "operator" => Selection::of("operator", []),
                Self::Own => Selection::of("lib", of_file(&OWN, mutant).iter().copied()),
                Self::About => Selection::of("api", modules.iter().copied().chain(LONG).chain([UNSTEADY])),
                Self::All => Selection::of("api", [UNSTEADY, DOCUMENTS]),
            };
            groups.entry(selection).or_default().push(mutant);
        }
        groups
    }
}

/// Some tests, as Cargo is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Selection {
    target: &'static str,
    names: Vec<&'static str>,
}

impl Selection {
    fn of(target: &'static str, names: impl IntoIterator<Item = &'static str>) -> Self {
        Self { target, names: names.into_iter().collect() }
    }

    /// For `cargo test`. With the whole workspace its dependencies have the features that they have wherever all is tested.
    pub(super) fn of_cargo(&self) -> Vec<&'static str> {
        let mut arguments = match self.target {
            "lib" => vec!["--package=shared", "--lib"],
            target => vec!["--workspace", "--test", target],
        };
        arguments.push("--");
        arguments.extend(&self.names);
        arguments
    }

    /// For `cargo mutants`, which tells Cargo.
    pub(super) fn of_cargo_mutants(&self) -> Vec<String> {
        let mut arguments = match self.target {
            "lib" => vec!["--cargo-arg=--lib".to_owned()],
            target => vec!["--test-workspace=true".to_owned(), format!("--cargo-arg=--test={target}")],
        };
        arguments.extend(["--", "--"].iter().chain(&self.names).map(|&argument| argument.to_owned()));
        arguments
    }
}

fn of_file(table: &[(&str, &'static [&'static str])], mutant: &Mutant) -> &'static [&'static str] {
    table.iter().find(|(path, _)| mutant.file.starts_with(path)).map_or(&[], |(_, names)| names)
}

impl fmt::Display for Tests {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Own => "tests of its crate",
            Self::About => "tests over HTTP that are about it",
            Self::All => "all tests over HTTP",
        })
    }
}
