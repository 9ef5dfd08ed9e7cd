//! What `end` asks and tells.

use std::{
    cell::Cell,
    io::{self, Write},
};

use anyhow::{Context, Result, anyhow, ensure};

use super::consent::{ask, is_somebody_there};
use crate::{
    Deployment,
    user::{Ended, UserSessions},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  operator --stack user-sessions end 'auth0|5f7c8ec7c33c'
  operator --stack user-sessions end --yes 'auth0|5f7c8ec7c33c'
  cargo run -- --data .local end alice

Fails where the answer is not yes, and where sessions are live: the user was
active meanwhile.";

/// Ends a user's sessions once a person has said yes.
pub(super) async fn ask_and_end(deployment: &Deployment, sub: &str, out: &mut impl Write) -> Result<()> {
    let sessions = deployment.sessions_of(sub)?;
    ensure!(
        is_somebody_there(),
        "without a terminal nobody can be asked whether to end: --yes ends without asking. Nothing was changed"
    );
    let (count, table, place) = (sessions.count().await?, sessions.table(), &deployment.place);
    if count == 0 {
        return told(Ended { ended: 0, left: 0 }, out);
    }
    let question = format!(
        "{count} live sessions of the user {sub} in the table {table} ({place}) will be ended. That cannot be undone."
    );
    ask(&question, io::stdin().lock(), io::stderr().lock())?;
    end_all(&sessions, out).await
}

/// Ends a user's sessions without a question.
pub(super) async fn end(deployment: &Deployment, sub: &str, out: &mut impl Write) -> Result<()> {
    let sessions = deployment.sessions_of(sub)?;
    eprintln!("ending sessions in the table {} ({})", sessions.table(), deployment.place);
    end_all(&sessions, out).await
}

/// The log has a line for each session, which is progress enough.
async fn end_all(sessions: &UserSessions, out: &mut impl Write) -> Result<()> {
    let so_far = Cell::new(0_u64);
    let ended = tokio::select! {
        ended = sessions.end(|| so_far.set(so_far.get() + 1)) => ended,
        Ok(()) = tokio::signal::ctrl_c() => Err(anyhow!("interrupted, perhaps with a few more on their way")),
    };
    let so_far = || format!("{} sessions were ended so far; run it again to go on", so_far.get());
    told(ended.with_context(so_far)?, out)
}

fn told(Ended { ended, left }: Ended, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{ended} sessions ended, {left} live")?;
    ensure!(
        left == 0,
        "the user was active meanwhile: close the account at the identity provider, then run it again"
    );
    Ok(())
}
