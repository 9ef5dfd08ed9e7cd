//! A user who has very many live sessions since before there was a limit signs in. Each login must be answered, whatever
//! the limit's work comes to; and logins must bring the sessions down to the limit.

use std::{collections::HashSet, io::Write};

use anyhow::{Context, Result};
use serde_json::Value;
use shared::id::SessionId;

use super::{
    event::event,
    stage::{Setup, Stage},
};
use crate::report::Report;

/// Nobody signs in more often.
const MOST_INVOCATIONS: usize = 300;

/// Logs in until there are no more live sessions than `limit`, and once more.
pub async fn login(setup: &Setup, limit: usize, out: &mut dyn Write) -> Result<()> {
    let wanted =
        [("MAX_SESSIONS_PER_USER", limit.to_string()), ("MAX_STARTS_PER_USER_PER_HOUR", "0".to_owned())];
    let stage = Stage::set(setup, "login", &wanted).await?;
    let (sessions, mut lambda) = (stage.sessions()?, stage.lambda());
    let mut report = Report::new(out);
    let filled = stage.fill(&sessions, setup.sessions, &mut report).await?;
    let event = event(include_str!("../../../events/login.json"), &sessions.user, None)?;
    let (mut before, mut newest) = (filled.len(), HashSet::new());
    for invocation in 1..=MOST_INVOCATIONS {
        let invoked = lambda.invoke(event.clone()).await?;
        let live = sessions.live().await?;
        let left = live.len();
        let answer = report.invocation(&invoked, &format!("{left} live"))?;
        if let Some((status, body)) = answer {
            report.expect(status == 200, || format!("invocation {invocation} answered {status}: {body}"));
            newest.extend(started(&body));
        }
        if newest.len() <= limit {
            let missing = newest.difference(&live).count();
            report.expect(missing == 0, || format!("{missing} of the newest {} are not live", newest.len()));
        }
        // Within the limit a login keeps the number, and beyond it one that gets no further never will.
        if left >= before {
            break;
        }
        before = left;
    }
    lambda.end().await?;
    let left = sessions.live().await?.len();
    report.expect(left <= limit, || format!("{left} sessions are live, which is more than {limit}"));
    report.conclude()
}

/// The session that a login started.
fn started(body: &str) -> Result<SessionId> {
    let body: Value = serde_json::from_str(body)?;
    Ok(body["body"]["sessionId"].as_str().context("no sessionId")?.parse()?)
}
