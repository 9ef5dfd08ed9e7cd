//! Every session was asked for, once, and none that was started is lost; who starts too many is refused, and nobody else.

use std::collections::{HashMap, HashSet};

use super::Facts;
use crate::histories::history::{Call, Id, Told};

const HOUR: i64 = 3_600_000;

/// Ids of hosts whose clocks are ahead by less are counted all the same.
const COUNTED_AHEAD: i64 = 300_000;

pub(super) fn check(facts: &Facts<'_>, known: &HashMap<Id, u64>, found: &mut Vec<String>) {
    asked_for(facts, found);
    if facts.limits.starts > 0 {
        limited(facts, known, found);
    }
}

/// The first session of each chain is a login's, or it was started for an id that nobody had.
fn asked_for(facts: &Facts<'_>, found: &mut Vec<String>) {
    let mut told = HashSet::new();
    for op in &facts.ops {
        let Told::Started(id, start) = op.told else { continue };
        let Some(item) = facts.items.get(&id) else { continue };
        if item.start() != start {
            found.push(format!("started at another time: {op:?} {item:?}"));
        }
        if op.call == Call::Login {
            let is_its_own = item.renewed_from.is_none() && (op.from..=op.to).contains(&start);
            if !told.insert(id) || !is_its_own {
                found.push(format!("a login's session is not its own: {op:?} {item:?}"));
            }
        }
    }
    let unclear = facts.ops.iter().filter(|op| op.call == Call::Login && op.is_unclear()).count();
    let mut nobodys: Vec<&Id> = Vec::new();
    for chain in &facts.chains.all {
        let root = chain.sessions.first();
        match chain.tombstones.first() {
            Some(tombstone) => {
                let is_asked_for = facts.ops.iter().any(
                    |op| matches!(op.call, Call::LoginOnce(id) | Call::Heartbeat(id) if id == *tombstone),
                );
                if !is_asked_for || root.is_some_and(|root| told.contains(root)) {
                    found.push(format!("started for {tombstone}, and nobody had asked for that: {root:?}"));
                }
            }
            None => nobodys.extend(root.filter(|root| !told.contains(root))),
        }
    }
    if nobodys.len() > unclear {
        found.push(format!("{unclear} logins were not answered, and there are these sessions: {nobodys:?}"));
    }
}

/// No more starts within an hour than may be, but for those at the same time; and no fewer.
fn limited(facts: &Facts<'_>, known: &HashMap<Id, u64>, found: &mut Vec<String>) {
    let starts: Vec<(i64, u64)> = facts
        .items
        .iter()
        .filter(|(_, item)| item.is_session())
        .map(|(id, item)| (item.start(), known.get(id).copied().unwrap_or(u64::MAX)))
        .collect();
    for op in &facts.ops {
        match op.told {
            Told::Refused(429, _) => {
                let can_count = |start: i64| op.from - HOUR <= start && start <= op.to + COUNTED_AHEAD + 1;
                if starts.iter().filter(|(start, _)| can_count(*start)).count() < facts.limits.starts {
                    found.push(format!("too many sessions, and there were not: {op:?}"));
                }
            }
            Told::Started(..) if op.call == Call::Login => {
                let counts = |start: i64| op.to - HOUR <= start && start <= op.from + COUNTED_AHEAD;
                let before = starts.iter().filter(|(start, known)| counts(*start) && *known < op.began);
                if before.count() >= facts.limits.starts {
                    found.push(format!("one more start than may be: {op:?}"));
                }
            }
            _ => {}
        }
    }
}
