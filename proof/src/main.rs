//! `cargo run --profile server -p proof`: what is thrown at the promises.

use std::process::exit;

use anyhow::Result;
use clap::Parser;
use proof::{Limits, Part};
use tokio::select;

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
    select! {
        outcome = proof::run(part, &limits) => outcome,
        // What it has started ends with it; an exploration would go on to its end.
        stopped = stopped() => stopped.map(|()| exit(INTERRUPTED)),
    }
}

/// Waits until somebody wants it to end.
async fn stopped() -> Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}
