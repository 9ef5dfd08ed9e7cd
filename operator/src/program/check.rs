//! `check`: its arguments, and what it tells.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use anyhow::{Result, ensure};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};
use shared::clock::instant;

use super::{
    chosen::{Chosen, Unusable},
    connection::Aws,
    setting::SETTINGS,
    stack::{self, Described},
};
use crate::{
    check::{Check, Finding, State},
    commands::spinner,
};

pub(super) const NAME: &str = "check";

const ABOUT: &str = "Look at a stack that may be sick, and tell what is not well";

const LONG_ABOUT: &str = "\
Look at a stack that may be sick, and tell what is not well.

Needs --stack. Reads only: the stack's status, both tables (keys, index, stream, time to live), what feeds the metrics \
and the queue of what was given up, the functions and their settings, and the alarms that are on. Tells of each in a line \
how it is, and what to do. Parts are found by what they are, so that a template of your own may name them as it likes.

At last it counts yesterday's sessions, in the reporting time zone, and compares that with the metrics. For that it \
reads the whole sessions table, at a read unit for every 4 KB; --no-count leaves it out.

What there is no permission to read is told, with the action that is missing, and is no failure.";

const AFTER: &str = "\
Examples:
  operator --stack user-sessions check
  operator --stack user-sessions check --no-count
  operator --stack user-sessions check --json | jq '.findings[] | select(.state == \"not_well\")'

Fails where something is not well. A remark is no failure.";

/// The column in which a finding's words begin.
const INDENT: usize = 31;

/// The command as the program's command line has it.
pub(super) fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new(NAME).about(ABOUT).long_about(LONG_ABOUT).after_long_help(AFTER).args([
        flag("no-count", "Do not count yesterday's sessions, for which the whole table is read"),
        flag("json", "Tell it to a program: one JSON object"),
    ])
}

/// Looks, tells, and fails where something is not well.
pub(super) async fn run(matches: &ArgMatches, arguments: &ArgMatches, stack: Option<&str>) -> Result<()> {
    let Some(name) = stack else {
        return Err(Unusable("missing: --stack NAME, the stack to look at".to_owned()).into());
    };
    let aws = Aws::load(matches).await?;
    let Described { status, outputs } = stack::describe(name, &aws).await?;
    let mut chosen = Chosen::given(matches, SETTINGS.iter().collect(), stack);
    chosen.fill(name, &outputs);
    chosen.tell();
    let deployment = aws.deployment(chosen.settings());
    let check = Check { stack: name.to_owned(), status, deployment, cloud: aws.cloud() };
    let is_json = arguments.get_flag("json");
    let mut findings = check.look().await;
    let mut out = io::stdout();
    if !is_json {
        let now = instant(check.deployment.clock.now());
        writeln!(out, "{name} ({}), {now}\n", check.deployment.place)?;
        findings.iter().try_for_each(|finding| out.write_all(lines(finding).as_bytes()))?;
    }
    if !arguments.get_flag("no-count") {
        let bar = spinner("read")?;
        let counted = check.count_yesterday(|items| bar.inc(items)).await;
        bar.finish_and_clear();
        if !is_json {
            out.write_all(lines(&counted).as_bytes())?;
        }
        findings.push(counted);
    }
    if is_json {
        writeln!(out, "{}", told_to_a_program(&check, &findings))?;
    } else {
        writeln!(out, "\n{}", summary(&findings))?;
    }
    let sick = count(&findings, State::NotWell);
    ensure!(sick == 0, "{sick} of {} things are not well", findings.len());
    Ok(())
}

/// A finding in columns, and below it what to do.
fn lines(Finding { thing, state, says, advice }: &Finding) -> String {
    let mut lines = format!("{:<13}  {thing:<14}  {says}\n", state.name());
    if let Some(advice) = advice {
        let _ = writeln!(lines, "{:INDENT$}{advice}", "");
    }
    lines
}

fn count(findings: &[Finding], state: State) -> usize {
    findings.iter().filter(|finding| finding.state == state).count()
}

fn summary(findings: &[Finding]) -> String {
    let [well, remarks, unseen, sick] =
        [State::Well, State::Remark, State::NotLookedAt, State::NotWell].map(|state| count(findings, state));
    format!("{sick} not well, {remarks} remarks, {unseen} not looked at, {well} well")
}

fn told_to_a_program(check: &Check, findings: &[Finding]) -> Value {
    let finding = |Finding { thing, state, says, advice }: &Finding| {
        let state = state.name().to_lowercase().replace(' ', "_");
        json!({ "thing": thing, "state": state, "says": says, "advice": advice })
    };
    json!({
        "stack": check.stack,
        "place": check.deployment.place,
        "time": instant(check.deployment.clock.now()),
        "well": count(findings, State::NotWell) == 0,
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
    })
}
