//! `cargo run --profile server -p proof`: what is thrown at the promises.

use anyhow::Result;
use clap::Parser;
use proof::{Limits, Part};

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
    proof::run(part, &limits).await
}
