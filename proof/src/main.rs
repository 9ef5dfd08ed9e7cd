//! `cargo run --profile server -p proof`: what is thrown at the promises.

use std::process::exit;

use anyhow::Result;
use clap::Parser;
use proof::{Limits, Part};
use tokio::{
    select,
    signal::unix::{SignalKind, signal},
};

/// What a shell tells of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// Throws at the promises what can be tried: a model explored whole, faults, inputs, mutants, kills, abuse.
///
/// It prints its seed and how to repeat the run, and fails if a promise was broken. proof/README.md says what each part
/// is and how to read it.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    limits: Limits,
    #[command(subcommand)]
    part: Part,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { limits, part } = Arguments::parse();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    select! {
        outcome = proof::run(part, &limits) => outcome,
        // What it has started ends with it; an exploration would go on to its end.
        _ = interrupt.recv() => exit(INTERRUPTED),
        _ = terminate.recv() => exit(INTERRUPTED),
    }
}
