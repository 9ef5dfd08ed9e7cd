//! What follows what: a chain only goes forward, what was ended stays ended, nothing ends or goes on without a cause.

use super::{Event, Facts, Says};
use crate::histories::{history::Told, round::TIMEOUT, time::SKEW};

pub(super) fn check(facts: &Facts<'_>, events: &[Vec<Event<'_>>], found: &mut Vec<String>) {
    for (number, events) in events.iter().enumerate() {
        forward(facts, number, events, found);
        causes_of_end(facts, number, events, found);
        causes_of_life(facts, number, events, found);
    }
}

/// What was told before another request began holds for that one too.
fn forward(facts: &Facts<'_>, number: usize, events: &[Event<'_>], found: &mut Vec<String>) {
    let mut by_end: Vec<&Event<'_>> = events.iter().collect();
    by_end.sort_by_key(|event| event.op.ended);
    let mut before = by_end.into_iter().peekable();
    let (mut furthest, mut ended): (Option<&Event<'_>>, Option<&Event<'_>>) = (None, None);
    for event in events {
        while let Some(earlier) = before.next_if(|earlier| earlier.op.is_before(event.op)) {
            // An ended chain is told of by the id that was asked for.
            let is_place =
                !matches!(earlier.says, Says::Ended(_)) || matches!(earlier.op.told, Told::Ended(_));
            if is_place && furthest.is_none_or(|furthest| furthest.place < earlier.place) {
                furthest = Some(earlier);
            }
            if matches!(earlier.says, Says::Ended(_)) {
                ended = ended.or(Some(earlier));
            }
        }
        let is_ended = matches!(event.says, Says::Ended(_));
        if let Some(ended) = ended.filter(|_| !is_ended) {
            found.push(format!("ended by {:?}, and goes on after that in {:?}", ended.op, event.op));
        }
        if let Some(furthest) = furthest.filter(|furthest| furthest.place > event.place && !is_ended) {
            found.push(format!("renewed in {:?}, and not after that in {:?}", furthest.op, event.op));
        }
    }
    // A logout names no session, and may have met none.
    let logouts =
        facts.ops.iter().filter(|op| op.told == Told::LoggedOut && facts.is_in(op.call.id(), number));
    for logout in logouts {
        let goes_on = events.iter().find(|event| {
            let knows = events.iter().any(|known| {
                known.op.is_before(logout) && known.op.call.id().is_none_or(|id| Some(id) == logout.call.id())
            });
            knows && logout.is_before(event.op) && !matches!(event.says, Says::Ended(_))
        });
        if let Some(event) = goes_on {
            found.push(format!("logged out by {logout:?}, and goes on after that in {:?}", event.op));
        }
    }
}

/// Who was told of an end was told of the one that is in the table, and somebody asked for it before.
fn causes_of_end(facts: &Facts<'_>, number: usize, events: &[Event<'_>], found: &mut Vec<String>) {
    let chain = &facts.chains.all[number];
    let Some(head) = facts.head(chain) else { return };
    let told = events.iter().filter(|event| matches!(event.says, Says::Ended(_)));
    for event in told.clone() {
        let Says::Ended(reason) = event.says else { continue };
        let is_head = event.place + 1 == i64::try_from(chain.sessions.len()).unwrap_or(i64::MAX);
        if matches!(event.op.told, Told::Ended(_)) && !is_head {
            found.push(format!("ended, and not the last of its chain: {:?}", event.op));
        }
        if head.state != "ended" || reason.is_some_and(|reason| head.end_reason.as_deref() != Some(reason)) {
            found.push(format!("told that it was ended, and the table says {head:?}: {:?}", event.op));
        }
    }
    if head.state != "ended" {
        return;
    }
    let known_by = told.map(|event| event.op.ended).min().unwrap_or(u64::MAX);
    let reason = head.end_reason.as_deref().unwrap_or_default();
    let is_asked_for = facts.ops.iter().any(|op| {
        let name = match op.call {
            super::Call::End(_) => "ended",
            super::Call::Logout(_) => "logout",
            super::Call::EndOthers(_) => "ended_others",
            _ => return false,
        };
        name == reason && op.began < known_by && facts.can_end(op, number)
    });
    if reason == "limit" {
        // As many others can have been live then.
        let end = head.end_time.unwrap_or_default();
        // Whoever ended it took the time before, and others may have come after all jumps since.
        let until = facts.time.latest_write(end);
        let others = facts.items.values().filter(|item| {
            item.is_session() && *item != head && item.start() <= until && item.over() >= end - SKEW
        });
        if others.count() < facts.limits.live {
            found.push(format!("ended by the limit, and there were too few: {head:?}"));
        }
    } else if !is_asked_for {
        found.push(format!("ended, and nobody had asked for that: {head:?}"));
    }
}

/// A session that is kept alive was active within the timeout before, as far as anybody can know.
fn causes_of_life(facts: &Facts<'_>, number: usize, events: &[Event<'_>], found: &mut Vec<String>) {
    let chain = &facts.chains.all[number];
    let touches: Vec<_> = facts
        .ops
        .iter()
        .filter(|op| {
            let is_own = facts.is_in(op.call.id(), number)
                || matches!(&op.told, Told::Started(id, _) if facts.is_in(Some(*id), number));
            is_own && op.call.is_activity() && !matches!(op.told, Told::Refused(..) | Told::Over(_))
        })
        .collect();
    for event in events {
        let is_kept_alive = event.says == Says::Active || matches!(event.op.told, Told::Engaged(_));
        let Some(session) = usize::try_from(event.place).ok().and_then(|place| chain.sessions.get(place))
        else {
            continue;
        };
        let Some(item) = facts.items.get(session).filter(|_| is_kept_alive) else { continue };
        let since = event.op.from - TIMEOUT;
        let is_new = item.start() >= since;
        let is_touched = touches
            .iter()
            .any(|op| !std::ptr::eq(**op, event.op) && op.began < event.op.ended && op.to >= since);
        if !is_new && !is_touched {
            found.push(format!("it must have expired, and was kept alive: {:?} {item:?}", event.op));
        }
    }
}
