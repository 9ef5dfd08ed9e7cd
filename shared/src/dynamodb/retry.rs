//! How often, and how long apart, an operation looks at a record again.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Fault;
use crate::{clock::Deadline, counters::Counter};

const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(640);

/// No new try after this: whoever waits for an answer asks again by then.
const BUDGET: Duration = Duration::from_secs(4);

/// The tries that one operation has left. Nothing depends on it but when to give up.
#[derive(Debug)]
pub(crate) struct Retries {
    made: u32,
    started: Instant,
    deadline: Deadline,
}

impl Retries {
    /// None spent yet; the time runs from now, and not beyond `deadline`.
    pub(crate) fn new(deadline: Deadline) -> Self {
        Self { made: 0, started: Instant::now(), deadline }
    }

    /// Waits a random while before the next try; gives `cause` back if there is none, or if it is no passing fault.
    pub(crate) async fn pause(&mut self, cause: Fault) -> Result<(), Fault> {
        self.spend(cause)?;
        let longest = (FIRST_PAUSE * 2_u32.pow(self.made - 1)).min(LONGEST_PAUSE);
        self.deadline.limit(sleep(longest.mul_f64(fastrand::f64()))).await;
        Ok(())
    }

    /// The same without waiting.
    pub(crate) fn spend(&mut self, cause: Fault) -> Result<(), Fault> {
        let (Fault::Conflict(_) | Fault::Unavailable(_)) = cause else {
            return Err(cause);
        };
        if matches!(cause, Fault::Conflict(_)) {
            Counter::Conflict.count();
        }
        self.made += 1;
        if self.made >= TRIES || self.started.elapsed() >= BUDGET || self.deadline.is_over() {
            return Err(cause);
        }
        Counter::Retry.count();
        tracing::debug!(%cause, tries = self.made, "trying again");
        Ok(())
    }
}
