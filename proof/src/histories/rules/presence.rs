//! What is live is shown, what is shown is right, and no activity is lost. It says how many live sessions it looked for in
//! lists: a check that nothing meets holds for nothing.

use std::collections::HashMap;

use super::{Event, Facts, Says, may_be_live, seen_in};
use crate::histories::{
    history::{Call, Id, Op, Phase, Told},
    round::TIMEOUT,
};

pub(super) fn check(
    facts: &Facts<'_>,
    events: &[Vec<Event<'_>>],
    known: &HashMap<Id, u64>,
    found: &mut Vec<String>,
) -> u64 {
    let mut looked_for = 0;
    activity(facts, found);
    for op in &facts.ops {
        match &op.told {
            Told::Listed(all) => {
                if all.windows(2).any(|pair| pair[0].last < pair[1].last || pair[0].id == pair[1].id) {
                    found.push(format!("not in order: {op:?}"));
                }
                if all.iter().any(|seen| !may_be_live(op, seen.last)) {
                    found.push(format!("an expired session is listed: {op:?}"));
                }
                let Call::List(own) = op.call else { continue };
                if all.iter().any(|seen| {
                    seen.current
                        && !facts.chains.place(seen.id).is_some_and(|(chain, _)| facts.is_in(own, chain))
                }) {
                    found.push(format!("current, and not of its chain: {op:?}"));
                }
                looked_for += must_show(facts, events, known, op, found);
            }
            Told::Found(seen, phase, _) => {
                let is_right = match phase {
                    Phase::Live => may_be_live(op, seen.last),
                    Phase::Expired => op.to - seen.last > TIMEOUT,
                    Phase::Ended => true,
                };
                if !is_right {
                    found.push(format!("it stands elsewhere: {op:?}"));
                }
            }
            Told::Others(_) => must_have_ended(facts, events, op, found),
            _ => {}
        }
        for seen in seen_in(op) {
            if facts.items.get(&seen.id).is_some_and(|item| item.start() != seen.start) {
                found.push(format!("started at another time: {seen:?} in {op:?}"));
            }
        }
    }
    looked_for
}

/// A heartbeat that was answered moved the last activity to its time, or it was later already.
fn activity(facts: &Facts<'_>, found: &mut Vec<String>) {
    let mut at_least = HashMap::<Id, Vec<&Op>>::new();
    for op in &facts.ops {
        let head = match (op.call, &op.told) {
            (Call::Heartbeat(id), Told::Active) => id,
            (Call::Heartbeat(_), Told::Renewed(id))
            | (Call::Login | Call::LoginOnce(_), Told::Started(id, _)) => *id,
            _ => continue,
        };
        at_least.entry(head).or_default().push(op);
    }
    for (id, ops) in &at_least {
        let last = ops.iter().map(|op| op.from).max().unwrap_or_default();
        if let Some(item) = facts.items.get(id).filter(|item| item.last() < last) {
            found.push(format!("a heartbeat was lost: active at {last} at the earliest: {id} {item:?}"));
        }
    }
    for op in &facts.ops {
        for seen in seen_in(op) {
            let before = at_least.get(&seen.id).into_iter().flatten().filter(|touch| touch.is_before(op));
            if before.map(|touch| touch.from).max().is_some_and(|last| seen.last < last) {
                found.push(format!("a heartbeat was lost: {seen:?} in {op:?}"));
            }
        }
    }
}

/// Where a chain must be as long as nobody ends it: answered as active so shortly before that no host can find it expired.
fn surely_live<'a>(facts: &Facts<'_>, events: &'a [Event<'a>], op: &Op) -> Option<&'a Event<'a>> {
    let latest = facts.latest(op);
    let before = events.iter().filter(|event| event.op.is_before(op) && event.says == Says::Active);
    let last = before.max_by_key(|event| (event.place, event.op.from))?;
    (latest - last.op.from <= TIMEOUT).then_some(last)
}

/// How many sessions a list had to show.
fn must_show(
    facts: &Facts<'_>,
    events: &[Vec<Event<'_>>],
    known: &HashMap<Id, u64>,
    op: &Op,
    found: &mut Vec<String>,
) -> u64 {
    if !facts.is_below_limit() {
        return 0;
    }
    let Call::List(own) = op.call else { return 0 };
    let mut looked_for = 0;
    for (number, events) in events.iter().enumerate() {
        let Some(last) = surely_live(facts, events, op) else { continue };
        // What was answered when it was found active has not ended it, but the write of one that failed may come late.
        let may_have_ended = |other: &&Op| {
            let may_come = other.is_unclear() || !other.is_before(last.op);
            may_come && other.began < op.ended && facts.can_end(other, number)
        };
        if facts.ops.iter().any(may_have_ended) {
            continue;
        }
        looked_for += 1;
        let shown = seen_in(op).iter().find(|seen| {
            facts.chains.place(seen.id).is_some_and(|(chain, place)| chain == number && place >= last.place)
        });
        match shown {
            None => found.push(format!("a live session is missing, active in {:?}: {op:?}", last.op)),
            Some(seen) => {
                let is_own = own.is_some_and(|own| {
                    facts.is_in(Some(own), number) && known.get(&own).is_some_and(|known| *known < op.began)
                });
                if is_own && !seen.current {
                    found.push(format!("its own session is not current: {op:?}"));
                }
            }
        }
    }
    looked_for
}

fn must_have_ended(facts: &Facts<'_>, events: &[Vec<Event<'_>>], op: &Op, found: &mut Vec<String>) {
    for (number, events) in events.iter().enumerate() {
        let goes_on = facts.head(&facts.chains.all[number]).is_some_and(|head| head.state != "ended");
        if goes_on
            && facts.can_end(op, number)
            && let Some(last) = surely_live(facts, events, op)
        {
            found.push(format!("live in {:?}, and not ended by {op:?}", last.op));
        }
    }
}
