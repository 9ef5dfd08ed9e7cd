//! A user with very many live sessions looks at them. The list must come, and ends after its first thousand.

use std::io::Write;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{
    event::event,
    stage::{Setup, Stage},
};
use crate::report::Report;

/// A cold one, and warm ones.
const INVOCATIONS: usize = 4;

/// The most that a list has.
const LISTED: usize = 1_000;

/// Lists the sessions a few times.
pub async fn list(setup: &Setup, out: &mut dyn Write) -> Result<()> {
    let stage = Stage::set(setup, "list-sessions", &[]).await?;
    let (sessions, mut lambda) = (stage.sessions()?, stage.lambda());
    let mut report = Report::new(out);
    let filled = stage.fill(&sessions, setup.sessions, &mut report).await?;
    let own = filled.last().context("there is no session")?;
    let event = event(include_str!("../../../events/list-sessions.json"), &sessions.user, Some(own.id))?;
    for invocation in 1..=INVOCATIONS {
        let invoked = lambda.invoke(event.clone()).await?;
        let Some((status, body)) = report.invocation(&invoked, &format!("{} live", filled.len()))? else {
            continue;
        };
        let listed: Value = serde_json::from_str(&body).unwrap_or_default();
        let listed = listed.as_array().map_or(0, Vec::len);
        report.expect(status == 200, || format!("invocation {invocation} answered {status}: {body}"));
        let expected = filled.len().min(LISTED);
        report.expect(listed == expected, || {
            format!("invocation {invocation} listed {listed}, not {expected}")
        });
    }
    lambda.end().await?;
    report.conclude()
}
