//! Whether yesterday's metrics are what its sessions add up to.

use chrono::TimeDelta;

use super::Finding;
use crate::{Deployment, fault::Denied, recount::DayComparison};

const THING: &str = "figures";

/// As late as the metrics may be before the alarm `RollupIsLate` counts it.
const ON_ITS_WAY: TimeDelta = TimeDelta::minutes(15);

/// Counts and compares.
pub(super) async fn look(deployment: &Deployment, progress: &impl Fn(u64)) -> Finding {
    let recount = match deployment.recount() {
        Ok(recount) => recount,
        Err(error) => return Finding::not_looked_at(THING, format!("{error:#}")),
    };
    let day = recount.yesterday();
    if day < recount.within_retention().first {
        return Finding::not_looked_at(THING, format!("sessions of {day} may have been purged already"));
    }
    let DayComparison { rows, sessions, last_active } = match recount.compare_day(day, progress).await {
        Ok(compared) => compared,
        Err(error) if error.downcast_ref::<Denied>().is_some() => {
            return Finding::not_looked_at(THING, format!("{error:#}"));
        }
        Err(error) => {
            let advice = "`operator recount` looks at the same, and more.";
            return Finding::not_well(THING, format!("{error:#}"), advice);
        }
    };
    if rows == sessions {
        let count = sessions.counts.sessions;
        return Finding::well(THING, format!("metrics and table agree on {day}, with {count} sessions"));
    }
    let says = format!("{day} differs: the metrics have {rows}; the table has {sessions}");
    let now = deployment.clock.now();
    if last_active.is_some_and(|last| now - last < ON_ITS_WAY) {
        let advice = "Sessions of that day are still active, and changes on their way. Check again; what stays is not \
                      well.";
        return Finding::remark(THING, says, advice);
    }
    let advice = "If nobody was erased, see When the metrics are in doubt in docs/operations.md.";
    Finding::not_well(THING, says, advice)
}
