//! All parts, one after the other.

use anyhow::{Result, bail};
use clap::Parser;

use crate::{Limits, Part, one};

/// The parts, each with its share of the time in percent.
const SHARES: [(&str, f64); 6] =
    [("model", 5.0), ("histories", 25.0), ("fuzz", 30.0), ("mutants", 20.0), ("kill", 10.0), ("abuse", 10.0)];

const MINUTES: f64 = 60.0;

#[derive(Parser)]
struct Named {
    #[command(subcommand)]
    part: Part,
}

/// Runs them all, whatever becomes of one.
pub(crate) async fn run(limits: &Limits) -> Result<()> {
    let minutes = limits.minutes.unwrap_or(MINUTES);
    let mut failed = Vec::new();
    for (name, share) in SHARES {
        let part = Named::parse_from(["proof", name]).part;
        let limits = Limits { minutes: Some(minutes * share / 100.0), ..limits.clone() };
        if let Err(cause) = one(part, &limits).await {
            failed.push(format!("{name}: {cause:#}"));
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join("\n")) }
}
