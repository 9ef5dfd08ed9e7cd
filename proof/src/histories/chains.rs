//! The chains that a user's items make: which sessions follow each other, and which id stands for which.

use std::collections::HashMap;

use super::{history::Id, table::Items};

/// A session, its successor, and so on.
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) sessions: Vec<Id>,
    /// Ids that nobody had, in whose place it was started.
    pub(super) tombstones: Vec<Id>,
}

/// All chains of a user.
#[derive(Debug, Default)]
pub(super) struct Chains {
    pub(super) all: Vec<Chain>,
    /// The chain of each id and its place there; that of a tombstone is before the first.
    places: HashMap<Id, (usize, i64)>,
}

impl Chains {
    /// The chains, and what is wrong with them: no session has two successors, every pointer leads forward in its own
    /// chain, and none but the last session goes on.
    pub(super) fn of(items: &Items) -> (Self, Vec<String>) {
        let mut found = Vec::new();
        let mut successors = HashMap::<Id, Id>::new();
        for (id, item) in items {
            if let Some(before) = item.renewed_from
                && let Some(other) = successors.insert(before, *id)
            {
                found.push(format!("{before} was renewed by {id} and by {other}"));
            }
        }
        let mut chains = Self::default();
        for (id, _) in items.iter().filter(|(_, item)| item.is_session() && item.renewed_from.is_none()) {
            let number = chains.all.len();
            let mut chain = Chain::default();
            let mut at = Some(*id);
            while let Some(id) = at.filter(|id| !chains.places.contains_key(id)) {
                chains.places.insert(id, (number, i64::try_from(chain.sessions.len()).unwrap_or(i64::MAX)));
                chain.sessions.push(id);
                at = successors.get(&id).copied();
            }
            chains.all.push(chain);
        }
        for (id, item) in items.iter().filter(|(_, item)| !item.is_session()) {
            match item.renewed_to.and_then(|to| chains.place(to)) {
                Some((chain, _)) => {
                    chains.all[chain].tombstones.push(*id);
                    chains.places.insert(*id, (chain, -1));
                }
                None => found.push(format!("the tombstone {id} points to nothing: {item:?}")),
            }
        }
        for (id, item) in items {
            let Some((chain, place)) = chains.place(*id) else {
                found.push(format!("{id} is in no chain: {item:?}"));
                continue;
            };
            if let Some(to) = item.renewed_to {
                let leads_on = chains.place(to).is_some_and(|(other, next)| other == chain && next > place);
                if !leads_on {
                    found.push(format!("{id} points to {to}, which does not come after it in its chain"));
                }
            } else if chains.all[chain].sessions.last() != Some(id) {
                found.push(format!("{id} has a successor and does not point on: {item:?}"));
            }
        }
        found.extend(chains.all.iter().filter(|chain| chain.tombstones.len() > 1).map(|chain| {
            format!(
                "{:?} were answered with the same new session, {:?}",
                chain.tombstones,
                chain.sessions.first()
            )
        }));
        (chains, found)
    }

    /// The chain of an id and its place in it.
    pub(super) fn place(&self, id: Id) -> Option<(usize, i64)> {
        self.places.get(&id).copied()
    }
}
