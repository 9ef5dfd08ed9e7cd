//! The commands as a person gives them, and what they tell.

pub mod consent;
mod erase;
mod export;
mod progress;
mod recount;

use std::io::Write;

use anyhow::Result;
use chrono::NaiveDate;
use clap::Subcommand;

use crate::{Deployment, recount::Fewer};

/// What can be done with a deployment.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Count the sessions themselves, and tell where the metrics differ
    ///
    /// Reads the whole sessions table and the metrics of the days within retention, and tells of each day on which they
    /// differ. Sessions that were purged or erased are out of its reach, so it looks at the days within retention only. A
    /// day on which sessions are live may differ for the moment that a change is on its way: run it again.
    ///
    /// Costs a read unit for every 4 KB of the sessions table, and half a unit for every 4 KB of metrics. Writes nothing
    /// without --repair, and refuses to repair what it cannot be sure of; see there.
    #[command(after_long_help = recount::EXAMPLES)]
    Recount {
        /// Put what the sessions of one day add up to in the place of its metrics
        ///
        /// The day must be settled: within retention, and its sessions inactive for longer than the timeout and 48 hours,
        /// so that no change can still be on its way. All of the day's metrics change in one transaction; if anything
        /// else writes them meanwhile, nothing is changed.
        #[arg(long, requires = "day")]
        repair: bool,
        /// The day, like 2026-01-31, in the reporting time zone
        #[arg(long, requires = "repair")]
        day: Option<NaiveDate>,
        /// Also where the sessions table has fewer sessions of the day than its metrics
        ///
        /// Without this, such a day is refused: sessions that were purged or erased look just like that, and so does a
        /// retention that is not the deployment's.
        #[arg(long, requires = "repair")]
        allow_fewer: bool,
    },
    /// Write all that is stored of a user, one JSON object a line
    ///
    /// Reads the user's items in the sessions table, page by page, and writes them to standard output: ids and times as
    /// the API has them, the rest as it is stored. How many there were goes to standard error. A user of whom nothing is
    /// stored has no lines, which is no error.
    ///
    /// Costs a read unit for every 4 KB of the user's items.
    #[command(after_long_help = export::EXAMPLES)]
    Export {
        /// The user's `sub`, as their tokens have it
        #[arg(allow_hyphen_values = true)]
        sub: String,
    },
    /// Delete all that is stored of a user
    ///
    /// Shows the table and how many items there are, and asks: only `yes` goes on. Where nobody can be asked, because
    /// input or error output is no terminal, it refuses, and changes nothing.
    ///
    /// It can be interrupted and run again, and tells what is left. A user who goes on sending heartbeats gets new
    /// sessions, so close the account at the identity provider first. Metrics keep their anonymous counts;
    /// point-in-time recovery keeps what was erased for up to 35 days.
    ///
    /// Costs two read units for every 4 KB of the user's items, and a third for the question; two write units for each
    /// item that is in the index of active sessions, and one for each other.
    #[command(after_long_help = erase::EXAMPLES)]
    Erase {
        /// The user's `sub`, as their tokens have it
        #[arg(allow_hyphen_values = true)]
        sub: String,
        /// Do not ask: for scripts
        #[arg(long)]
        yes: bool,
    },
}

impl Command {
    /// Whether it needs the metrics, and with them all settings; the others need the sessions table alone.
    #[must_use]
    pub fn reads_metrics(&self) -> bool {
        matches!(self, Self::Recount { .. })
    }

    /// Does it. What was asked for goes to `out`, all else to standard error. Metrics that differ from the sessions and
    /// items that are left are errors, like whatever kept it from its end.
    pub async fn run(self, deployment: &Deployment, out: &mut impl Write) -> Result<()> {
        match self {
            Self::Recount { day: None, .. } => recount::compare(deployment, out).await,
            Self::Recount { day: Some(day), allow_fewer, .. } => {
                let fewer = if allow_fewer { Fewer::Allowed } else { Fewer::Refused };
                recount::repair(deployment, day, fewer, out).await
            }
            Self::Export { sub } => export::export(deployment, &sub, out).await,
            Self::Erase { sub, yes: true } => erase::erase(deployment, &sub, out).await,
            Self::Erase { sub, yes: false } => erase::ask_and_erase(deployment, &sub, out).await,
        }
    }
}
