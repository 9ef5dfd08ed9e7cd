//! Every input that is kept is fed again: seeds, and whatever once broke a promise.

#![expect(clippy::unwrap_used, reason = "in a test, helpers included, it is the assertion")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use targets::ALL;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("corpora").join(target)
}

fn feed(name: &str) {
    let target = ALL.iter().find(|target| target.name == name).unwrap();
    (target.feed)(&[]);
    let files = fs::read_dir(folder(name)).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{name} has no inputs");
    for file in files {
        // What a test prints is shown when it fails: the last one is the input that broke it.
        eprintln!("{}", file.display());
        (target.feed)(&fs::read(file).unwrap());
    }
}

#[test]
fn any_bytes_as_an_event_are_answered() {
    feed("event-bytes");
}

#[test]
fn whatever_a_client_sends_is_answered_as_documented() {
    feed("event-structured");
}

#[test]
fn no_stream_event_holds_up_its_shard() {
    feed("stream-bytes");
}

#[test]
fn a_record_counts_once_and_an_odd_one_is_read_in_one_way() {
    feed("stream-structured");
}

#[test]
fn an_item_is_a_record_or_refused() {
    feed("item");
}

#[test]
fn a_row_is_read_or_refused_and_adds_up() {
    feed("metrics-row");
}

#[test]
fn a_text_is_a_template_or_refused() {
    feed("template");
}

#[test]
fn a_range_has_its_days_in_every_zone() {
    feed("query-dates");
}

#[test]
fn claims_are_read_in_every_form() {
    feed("caller");
}

/// The wrapper of the compiler names those crates whose code is to be reached.
#[test]
fn every_function_is_instrumented() {
    let wrapper = include_str!("../../fuzz/rustc");
    for name in local::functions::names() {
        let name = name.replace('-', "_");
        assert!(wrapper.contains(&format!(" 1{name} ")), "proof/fuzz/rustc does not have {name}");
    }
}

#[test]
fn every_target_is_fed_here() {
    let source = include_str!("corpora.rs");
    for target in ALL {
        assert!(source.contains(&format!("feed(\"{}\")", target.name)), "{}", target.name);
    }
}
