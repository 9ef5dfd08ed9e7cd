//! No answer but those that the rules allow: a refusal has its cause, a fault passes.

use std::collections::HashMap;

use super::Facts;
use crate::histories::history::{Call, Id, Told};

pub(super) fn check(facts: &Facts<'_>, known: &HashMap<Id, u64>, found: &mut Vec<String>) {
    for op in &facts.ops {
        let is_known = op.call.id().and_then(|id| known.get(&id)).is_some_and(|known| *known < op.began);
        let is_allowed = match &op.told {
            Told::Refused(404, code) => {
                let may = matches!(op.call, Call::Engage(..) | Call::End(_) | Call::Get(_));
                code == "session_not_found" && may && !is_known
            }
            // That it was ended is looked at with all that says so.
            Told::Refused(409, code) => {
                code == "session_ended" && matches!(op.call, Call::Engage(..) | Call::LoginOnce(_))
            }
            Told::Refused(429, code) => {
                let may = matches!(op.call, Call::Login | Call::LoginOnce(_) | Call::Heartbeat(_));
                code == "too_many_sessions" && facts.limits.starts > 0 && may && !is_known
            }
            Told::Failed(503) => op.began < facts.quiet_from,
            Told::Failed(500) => op.began < facts.quiet_from && facts.refuses,
            Told::Refused(..) | Told::Failed(_) | Told::Odd(_) => false,
            _ => true,
        };
        if !is_allowed {
            found.push(format!("a wrong answer: {op:?}"));
        }
    }
}
