//! A user with very many live sessions signs out everywhere else. It may take several requests, of which each must get
//! further; and the session that the user keeps must survive, though it is renewed meanwhile.

use std::{collections::HashSet, io::Write, time::Duration};

use anyhow::Result;
use shared::sessions::rules::Session;
use tokio::time::sleep;

use super::{
    event::event,
    stage::{Setup, Stage},
};
use crate::{report::Report, sessions::Sessions};

/// A client would have given up.
const MOST_INVOCATIONS: usize = 100;

/// The kept session is renewed in so many of the first invocations, a moment after each begins.
const RENEWALS: usize = 3;
const MOMENT: Duration = Duration::from_millis(200);

/// Ends all sessions but one, by invocations that are repeated until one answers 200.
pub async fn end_others(setup: &Setup, out: &mut dyn Write) -> Result<()> {
    let stage = Stage::set(setup, "end-other-sessions", &[]).await?;
    let (sessions, mut lambda) = (stage.sessions()?, stage.lambda());
    let mut report = Report::new(out);
    let filled = stage.fill(&sessions, setup.sessions, &mut report).await?;
    let own = &filled[filled.len() / 2];
    let event = event(include_str!("../../../events/end-other-sessions.json"), &sessions.user, Some(own.id))?;
    let (mut kept, mut before, mut done) = (own.clone(), filled.len(), false);
    for invocation in 1..=MOST_INVOCATIONS {
        let renewed = renew(&sessions, &kept, invocation <= RENEWALS);
        let (invoked, renewed) = tokio::join!(lambda.invoke(event.clone()), renewed);
        let (invoked, renewed) = (invoked?, renewed?);
        let left = sessions.live().await?.len();
        let answer = report.invocation(&invoked, &format!("{left} live"))?;
        report.expect(renewed.is_some(), || format!("invocation {invocation} ended the kept session"));
        kept = renewed.unwrap_or(kept);
        done = matches!(answer, Some((200, _)));
        if let Some((status, body)) = &answer {
            report.expect([200, 503].contains(status), || format!("an answer is {status}: {body}"));
        }
        report.expect(done || left < before, || format!("invocation {invocation} ended no session"));
        // One that gets no further now never will.
        if done || left >= before {
            break;
        }
        before = left;
    }
    lambda.end().await?;
    report.expect(done, || "no invocation answered 200".to_owned());
    let left = sessions.live().await?;
    report.expect(left.contains(&kept.id), || format!("the kept session {} is not live", kept.id));
    report.expect(left.is_subset(&HashSet::from([kept.id])), || format!("{} sessions are live", left.len()));
    report.conclude()
}

/// The session that the kept one becomes while a function runs, or that it goes on being; `None` if it was ended.
async fn renew(sessions: &Sessions<'_>, kept: &Session, is_time: bool) -> Result<Option<Session>> {
    if !is_time {
        return Ok(Some(kept.clone()));
    }
    sleep(MOMENT).await;
    sessions.renew(kept).await
}
