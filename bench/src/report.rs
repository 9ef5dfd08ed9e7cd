//! What a scenario tells a person: a line for each invocation, and at the end what did not hold.

use std::io::Write;

use anyhow::{Result, bail};

use crate::lambda::{Invoked, Outcome};

/// The report of one scenario.
pub(crate) struct Report<'a> {
    out: &'a mut dyn Write,
    invocations: u32,
    failures: Vec<String>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, invocations: 0, failures: Vec::new() }
    }

    /// A line about what the scenario works with.
    pub(crate) fn say(&mut self, line: &str) -> Result<()> {
        Ok(writeln!(self.out, "{line}")?)
    }

    /// A line about an invocation; `left` says what the table is like after it. An invocation that gave no answer is a
    /// failure. Returns the status of the answer, and its body.
    pub(crate) fn invocation(&mut self, invoked: &Invoked, left: &str) -> Result<Option<(u16, String)>> {
        if self.invocations == 0 {
            writeln!(self.out, "{:>4}  {:<8} {:>9}  {:>11}", "", "answer", "time", "peak memory")?;
        }
        self.invocations += 1;
        let number = self.invocations;
        let (answer, failure) = match &invoked.outcome {
            Outcome::Answered(answer) => (Some(status_and_body(answer)?), None),
            Outcome::TimedOut => (None, Some(("killed", "was killed at its timeout".to_owned()))),
            Outcome::Died(status) => (None, Some(("died", format!("ended the process: {status}")))),
            Outcome::Failed(error) => (None, Some(("error", format!("failed: {error}")))),
        };
        let status = answer.as_ref().map(|(status, _)| status.to_string());
        let word =
            status.or_else(|| failure.as_ref().map(|(word, _)| (*word).to_owned())).unwrap_or_default();
        let milliseconds = invoked.time.as_millis();
        let start = if invoked.cold { "  (cold)" } else { "" };
        let peak = memory(invoked.peak_memory);
        writeln!(self.out, "{number:>4}  {word:<8} {milliseconds:>6} ms  {peak:>11}  {left}{start}")?;
        if let Some((_, failure)) = failure {
            self.failures.push(format!("invocation {number} {failure}"));
        }
        Ok(answer)
    }

    /// What must hold.
    pub(crate) fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.failures.push(what());
        }
    }

    /// Tells what did not hold, which is an error.
    pub(crate) fn conclude(self) -> Result<()> {
        for failure in &self.failures {
            writeln!(self.out, "FAILED: {failure}")?;
        }
        match self.failures.len() {
            0 => Ok(writeln!(self.out, "All of it held.")?),
            count => bail!("{count} of what must hold did not"),
        }
    }
}

/// What API Gateway would make of a function's answer.
fn status_and_body(answer: &[u8]) -> Result<(u16, String)> {
    let answer: serde_json::Value = serde_json::from_slice(answer)?;
    let status = answer["statusCode"].as_u64().and_then(|status| status.try_into().ok()).unwrap_or(500);
    Ok((status, answer["body"].as_str().unwrap_or_default().to_owned()))
}

fn memory(kilobytes: u64) -> String {
    match kilobytes {
        0 => "unknown".to_owned(),
        _ => format!("{}.{} MB", kilobytes / 1024, kilobytes % 1024 * 10 / 1024),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn invoked(outcome: Outcome) -> Invoked {
        Invoked { outcome, time: Duration::from_millis(1_234), cold: false, peak_memory: 12_345 }
    }

    #[test]
    fn an_invocation_without_an_answer_fails_the_scenario() {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out);
        let answer = invoked(Outcome::Answered(r#"{"statusCode":503,"body":"{}"}"#.into()));
        assert_eq!(report.invocation(&answer, "2 live").unwrap(), Some((503, "{}".to_owned())));
        assert_eq!(report.invocation(&invoked(Outcome::TimedOut), "1 live").unwrap(), None);
        report.conclude().unwrap_err();
        let printed = String::from_utf8(out).unwrap();
        assert_eq!(
            printed.lines().collect::<Vec<_>>(),
            [
                "      answer        time  peak memory",
                "   1  503        1234 ms      12.0 MB  2 live",
                "   2  killed     1234 ms      12.0 MB  1 live",
                "FAILED: invocation 2 was killed at its timeout",
            ]
        );
    }

    #[test]
    fn a_scenario_of_which_all_held_is_no_error() {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out);
        report.expect(true, || "what holds".to_owned());
        report.conclude().unwrap();
    }
}
