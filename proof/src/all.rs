//! All parts, one after the other.

use anyhow::{Result, bail};
use clap::Parser;

use crate::{Limits, Part, one};

/// The parts as they are given on a command line, each with its share of the time in percent.
const SHARES: [(&[&str], f64); 7] = [
    (&["model"], 10.0),
    (&["histories"], 25.0),
    (&["fuzz"], 20.0),
    (&["mutants"], 20.0),
    (&["kill", "--full-disk"], 10.0),
    (&["abuse"], 10.0),
    (&["abuse", "--invocations", "1000000"], 5.0),
];

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
    for (arguments, share) in SHARES {
        let name = arguments.join(" ");
        let part = Named::try_parse_from([&["proof"], arguments].concat())?.part;
        let limits = Limits { minutes: Some(minutes * share / 100.0), ..limits.clone() };
        if let Err(cause) = one(part, &name, &limits).await {
            failed.push(format!("{name}: {cause:#}"));
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join("\n")) }
}
