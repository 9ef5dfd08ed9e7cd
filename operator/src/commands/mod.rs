//! The commands as a person gives them, and what they tell.

pub mod consent;
mod end;
mod erase;
mod export;
mod progress;
mod recount;

#[cfg(feature = "stack")]
pub(crate) use self::progress::spinner;

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
    /// End all live sessions of a user
    ///
    /// Shows the table and how many live sessions there are, and asks: only `yes` goes on. Where nobody can be asked,
    /// because input or error output is no terminal, it refuses, and changes nothing.
    ///
    /// Each ends as if its user had ended it: for good, counted by the metrics, and a heartbeat on it is answered
    /// `expired`, with the `endReason` `operator`. Standard error has a line for each.
    ///
    /// It can be interrupted and run again, and tells how many are live then. It takes back no token: as long as one is
    /// good, a login starts a session, and so does a heartbeat on one that had expired before. What starts while it runs
    /// may be left, and the next run ends it. So close the account at the identity provider first, and run it again when
    /// its tokens have expired.
    ///
    /// What is live it tells by this machine's clock. Costs a read unit and two write units for each live session, and
    /// another read unit for the question.
    #[command(after_long_help = end::EXAMPLES)]
    End {
        /// The user's `sub`, as their tokens have it
        #[arg(allow_hyphen_values = true)]
        sub: String,
        /// Do not ask: for scripts
        #[arg(long)]
        yes: bool,
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
    /// The settings that it cannot do without, by the names of the functions' environment variables.
    #[must_use]
    pub fn settings(&self) -> &'static [&'static str] {
        match self {
            Self::Recount { .. } => &[
                "SESSIONS_TABLE",
                "METRICS_TABLE",
                "SESSION_TIMEOUT_SECONDS",
                "SESSION_RETENTION_DAYS",
                "REPORTING_TIME_ZONE",
            ],
            Self::End { .. } => &["SESSIONS_TABLE", "SESSION_TIMEOUT_SECONDS", "SESSION_RETENTION_DAYS"],
            Self::Export { .. } | Self::Erase { .. } => &["SESSIONS_TABLE"],
        }
    }

    /// Whether it needs the metrics as they follow from the sessions.
    #[must_use]
    pub fn reads_metrics(&self) -> bool {
        matches!(self, Self::Recount { .. })
    }

    /// Does it. What was asked for goes to `out`, all else to standard error. Metrics that differ from the sessions, and
    /// items or live sessions that are left, are errors, like whatever kept it from its end.
    pub async fn run(self, deployment: &Deployment, out: &mut impl Write) -> Result<()> {
        match self {
            Self::Recount { day: None, .. } => recount::compare(deployment, out).await,
            Self::Recount { day: Some(day), allow_fewer, .. } => {
                let fewer = if allow_fewer { Fewer::Allowed } else { Fewer::Refused };
                recount::repair(deployment, day, fewer, out).await
            }
            Self::Export { sub } => export::export(deployment, &sub, out).await,
            Self::End { sub, yes: true } => end::end(deployment, &sub, out).await,
            Self::End { sub, yes: false } => end::ask_and_end(deployment, &sub, out).await,
            Self::Erase { sub, yes: true } => erase::erase(deployment, &sub, out).await,
            Self::Erase { sub, yes: false } => erase::ask_and_erase(deployment, &sub, out).await,
        }
    }
}
