//! What a user's history must be like, by the rules and not by the code: what was answered, in which order, and what is in
//! the table in the end.

mod answers;
mod engaged;
mod order;
mod presence;
mod starts;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::{
    chains::{Chain, Chains},
    history::{Call, Id, Op, Phase, Seen, Told},
    round::{Limits, TIMEOUT},
    table::{Item, Items},
    time::Time,
};

/// All that is known of a user.
pub(super) struct Facts<'a> {
    /// In the order in which they began.
    pub(super) ops: Vec<&'a Op>,
    pub(super) items: &'a Items,
    pub(super) chains: &'a Chains,
    pub(super) limits: Limits,
    /// Whether calls of the engine were refused, which is answered with 500.
    pub(super) refuses: bool,
    /// How far the hosts' clocks are ahead.
    pub(super) ahead: &'a [i64],
    /// From this place in the order on nothing went wrong.
    pub(super) quiet_from: u64,
    pub(super) time: &'a Time,
}

/// What an answer says of a chain.
struct Event<'a> {
    op: &'a Op,
    /// The place in the chain of the session that it is about.
    place: i64,
    says: Says<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Says<'a> {
    /// That it goes on: it was active just now.
    Active,
    /// That it was not ended.
    Open,
    /// That it was ended, and perhaps by what.
    Ended(Option<&'a str>),
}

/// What was looked at, and what of it is broken.
pub(super) struct Checked {
    pub(super) found: Vec<String>,
    /// Live sessions that a list had to show.
    pub(super) looked_for: u64,
}

/// Holds a user's history against the rules.
pub(super) fn check(facts: &Facts<'_>) -> Checked {
    let mut found = Vec::new();
    let events = facts.events(&mut found);
    let known = facts.known();
    answers::check(facts, &known, &mut found);
    order::check(facts, &events, &mut found);
    engaged::check(facts, &mut found);
    let looked_for = presence::check(facts, &events, &known, &mut found);
    starts::check(facts, &known, &mut found);
    Checked { found, looked_for }
}

impl<'a> Facts<'a> {
    /// What the answers say of each chain, in the order in which they were asked for.
    fn events(&self, found: &mut Vec<String>) -> Vec<Vec<Event<'a>>> {
        let mut all: Vec<Vec<Event<'a>>> = self.chains.all.iter().map(|_| Vec::new()).collect();
        for op in &self.ops {
            for (about, says) in told_of(op) {
                let Some((chain, place)) = self.chains.place(about) else {
                    found.push(format!("an answer names {about}, which is not in the table: {op:?}"));
                    continue;
                };
                // A renewal leads on, and what was asked for leads to what was answered.
                if let Some(asked) = op.call.id() {
                    let from = self.chains.place(asked);
                    let is_renewed = matches!(op.told, Told::Renewed(_) | Told::Started(..));
                    let leads_on = from.is_some_and(|(other, before)| {
                        other == chain && (before < place || (before == place && !is_renewed))
                    });
                    if !leads_on {
                        found.push(format!("{about} does not follow {asked} in its chain: {op:?}"));
                    }
                }
                all[chain].push(Event { op, place, says });
            }
        }
        all
    }

    /// For each id the end of the first request whose answer means that there is a record of it.
    fn known(&self) -> HashMap<Id, u64> {
        let mut known = HashMap::new();
        let mut learn = |id: Id, op: &Op| {
            let first = known.entry(id).or_insert(op.ended);
            *first = op.ended.min(*first);
        };
        for op in &self.ops {
            let is_lenient = matches!(op.call, Call::Logout(_));
            let has_answer = op.is_done() || matches!(&op.told, Told::Refused(409, _));
            if let Some(id) = op.call.id().filter(|_| has_answer && !is_lenient) {
                learn(id, op);
            }
            for (id, _) in told_of(op) {
                learn(id, op);
            }
        }
        known
    }

    fn is_in(&self, id: Option<Id>, chain: usize) -> bool {
        id.and_then(|id| self.chains.place(id)).is_some_and(|(other, _)| other == chain)
    }

    /// Whether it can end sessions of that chain, be it answered or not.
    fn can_end(&self, op: &Op, chain: usize) -> bool {
        match op.call {
            Call::End(id) | Call::Logout(id) => self.is_in(Some(id), chain),
            Call::EndOthers(kept) => !self.is_in(kept, chain),
            _ => false,
        }
    }

    fn head(&self, chain: &Chain) -> Option<&'a Item> {
        chain.sessions.last().and_then(|id| self.items.get(id))
    }

    /// The latest time at any host while a request was under way.
    fn latest(&self, op: &Op) -> i64 {
        op.to - self.ahead[op.host] + self.ahead.iter().max().copied().unwrap_or_default()
    }

    /// Whether the user has started too few sessions for the limit to have ended one.
    fn is_below_limit(&self) -> bool {
        self.items.values().filter(|item| item.is_session()).count() <= self.limits.live
    }
}

/// The sessions that an answer is about, and what it says of them.
fn told_of(op: &Op) -> Vec<(Id, Says<'_>)> {
    let asked = op.call.id();
    match (&op.told, asked) {
        (Told::Started(id, _) | Told::Renewed(id), _) => vec![(*id, Says::Active)],
        (Told::Active, Some(id)) => vec![(id, Says::Active)],
        (Told::Over(reason), Some(id)) => vec![(id, Says::Ended(Some(reason)))],
        (Told::Engaged(id), _) => vec![(*id, Says::Open)],
        (Told::Ended(id), _) => vec![(*id, Says::Ended(None))],
        (Told::Listed(all), _) => all.iter().map(|seen| (seen.id, Says::Open)).collect(),
        (Told::Found(seen, phase, reason), _) => {
            let says = if *phase == Phase::Ended { Says::Ended(reason.as_deref()) } else { Says::Open };
            vec![(seen.id, says)]
        }
        (Told::Refused(409, _), Some(id)) => vec![(id, Says::Ended(None))],
        _ => Vec::new(),
    }
}

/// What reads show of sessions.
fn seen_in(op: &Op) -> &[Seen] {
    match &op.told {
        Told::Listed(all) => all,
        Told::Found(seen, ..) => std::slice::from_ref(seen),
        _ => &[],
    }
}

/// Whether a session that was active at `last` may be live for a request.
fn may_be_live(op: &Op, last: i64) -> bool {
    op.from - last <= TIMEOUT
}
