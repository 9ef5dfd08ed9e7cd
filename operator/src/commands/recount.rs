//! What `recount` tells.

use std::io::Write;

use anyhow::{Result, ensure};
use chrono::NaiveDate;
use shared::metrics::calendar::Range;

use super::progress::spinner;
use crate::{
    Deployment,
    recount::{Comparison, Difference, Fewer},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  Which days of a deployment differ?
    operator --stack user-sessions recount
  Mend one of them:
    operator --stack user-sessions recount --repair --day 2026-01-31
  The data of a local server that has ended:
    cargo run -- --data .local recount

Fails where days differ.";

/// Counts and compares. Days that differ are an error.
pub(super) async fn compare(deployment: &Deployment, out: &mut impl Write) -> Result<()> {
    let recount = deployment.recount()?;
    writeln!(out, "{} ({})", recount.settings(), deployment.place)?;
    let bar = spinner("read")?;
    let compared = recount.compare(|items| bar.inc(items)).await;
    bar.finish_and_clear();
    let Comparison { differences, skipped } = compared?;
    let Range { first, last } = recount.within_retention();
    let read = bar.position();
    writeln!(
        out,
        "{read} items read; days from {first} to {last}, sessions that were purged or erased not among them"
    )?;
    if skipped > 0 {
        writeln!(
            out,
            "{skipped} of them are no items of this service and were left out; the log tells more"
        )?;
    }
    for Difference { day, rows, sessions } in &differences {
        writeln!(out, "{day} differs\n  metrics   {rows}\n  sessions  {sessions}")?;
    }
    let days = differences.len();
    ensure!(days == 0, "{days} days differ. --repair --day DAY mends one that is settled.");
    writeln!(out, "Metrics and sessions agree.")?;
    Ok(())
}

/// Mends a settled day.
pub(super) async fn repair(
    deployment: &Deployment,
    day: NaiveDate,
    fewer: Fewer,
    out: &mut impl Write,
) -> Result<()> {
    let recount = deployment.recount()?;
    writeln!(out, "{} ({})", recount.settings(), deployment.place)?;
    let bar = spinner("read")?;
    let repaired = recount.repair(day, fewer, |items| bar.inc(items)).await;
    bar.finish_and_clear();
    writeln!(out, "{day} is now as its sessions say: {}", repaired?)?;
    Ok(())
}
