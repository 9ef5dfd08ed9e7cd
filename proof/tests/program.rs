//! The program as its users see it, beside what the documents say of it.
#![expect(clippy::unwrap_used, reason = "in a test, helpers included, it is the assertion")]

use std::{fs, path::Path, process::Command};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// What the program prints.
fn proof(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_proof")).current_dir(root()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn volumes_in_the_documents_are_the_sums_of_what_is_written_down() {
    let sums = proof(&["sum", "proof/runs.jsonl"]);
    assert!(read("docs/reliability.md").contains(&sums), "docs/reliability.md should have this:\n{sums}");
}

#[test]
fn what_a_run_found_is_told_of() {
    let told = read("docs/reliability.md");
    let found = told.split_once("\n## What was found\n").unwrap().1.split_once("\n## ").unwrap().0;
    for line in read("proof/runs.jsonl").lines() {
        let run: serde_json::Value = serde_json::from_str(line).unwrap();
        let seed = run["seed"].to_string();
        let is_told = found.split(|letter: char| !letter.is_ascii_digit()).any(|number| number == seed);
        assert!(
            run["broken"] == serde_json::json!([]) || is_told,
            "of the seed {seed} nothing is told: {line}"
        );
        let commit = run["commit"].as_str().unwrap();
        assert!(commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "of no commit: {line}");
    }
}

#[test]
fn the_documents_have_all_worlds_of_the_model() {
    let document = read("docs/reliability.md");
    let told = document.split_once("\n| World |").unwrap().1.split_once("\n\n").unwrap().0;
    let told: Vec<&str> = told.lines().skip(2).map(|line| line.split('`').nth(1).unwrap()).collect();
    let worlds: Vec<&str> = model::worlds().iter().map(|world| world.name).collect();
    assert_eq!(told, worlds);
}

#[test]
fn each_part_has_its_line_in_the_readme() {
    let help = proof(&["--help"]);
    let commands = help.split_once("Commands:").unwrap().1.split_once("Options:").unwrap().0;
    let readme = read("proof/README.md");
    for line in commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let part = line.split_whitespace().next().unwrap();
        let told = ["all", "sum", "help"].contains(&part) || readme.contains(&format!("| `proof {part}` |"));
        assert!(told, "proof/README.md has no line for {part}");
    }
}

#[test]
fn a_run_says_how_to_repeat_it_and_claims_nothing_that_it_had_no_time_for() {
    let told = proof(&["model", "--world", "border", "--seed", "7"]);
    assert!(told.starts_with("model: seed 7, commit "), "{told}");
    assert!(
        told.contains("repeat: cargo run --profile server -p proof -- model --world border --seed 7\n"),
        "{told}"
    );
    let none = proof(&["model", "--minutes", "0"]);
    assert!(none.contains("not explored"), "{none}");
}
