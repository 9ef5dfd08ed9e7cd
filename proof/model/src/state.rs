//! All that there is at one time, and what may happen to it.

use std::fmt::Write;

use shared::id::SessionId;

use crate::{history::History, invocation::Invocation, table::Table, world::Ask};

/// All that there is at one time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The number of the time.
    pub(crate) time: u8,
    pub(crate) faults: u8,
    pub(crate) table: Table,
    /// In order: clients that may do the same are the same to the protocol.
    pub(crate) clients: Vec<Client>,
    /// A write that was lost and may yet take effect.
    pub(crate) late: Option<Invocation>,
    pub(crate) history: History,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Client {
    pub(crate) role: u8,
    pub(crate) requests: u8,
    pub(crate) holds: SessionId,
    pub(crate) heard: Option<Heard>,
    pub(crate) running: Option<Invocation>,
}

/// What a client was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Heard {
    pub(crate) asked: SessionId,
    pub(crate) head: SessionId,
    /// The number of the time.
    pub(crate) time: u8,
}

/// One thing that happens. Clients are told by their place in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A request arrives at a host with the clock of that number.
    Begin { client: u8, ask: Ask, clock: u8 },
    /// The next call is made, and answered.
    Call(u8),
    /// The same, and then the invocation has no time left for a hop or a try.
    CallAtLast(u8),
    /// The next call comes back as an error that may pass.
    Lose(u8, Loss),
    /// The next call is made, and then the invocation is cut off, or its answer is lost.
    CutOff(u8),
    /// A write that was lost takes effect.
    Arrive,
    /// A record is purged.
    Purge(SessionId),
    /// The time goes on.
    Tick,
}

/// Whether a call that was lost takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Never,
    AtOnce,
    Later,
}

impl State {
    /// The records, for people.
    pub(crate) fn told(&self) -> String {
        let mut text = String::new();
        for entry in self.table.entries() {
            let _ = write!(text, "{}: {:?}; listed: {}\n    ", entry.id, entry.record, entry.listed);
        }
        short(&text)
    }

    /// Leaves out what makes no difference any more.
    pub(crate) fn forget(&mut self) {
        for client in &mut self.clients {
            if client.requests == 0 && client.running.is_none() {
                client.heard = None;
            }
        }
        self.clients.sort_unstable();
    }

    pub(crate) fn uses(&self, id: SessionId) -> bool {
        let tries = |running: &Invocation| running.tried.is_some_and(|(_, own)| own == id);
        self.table.get(id).is_some()
            || self.history.knows(id)
            || self.late.as_ref().is_some_and(tries)
            || self.clients.iter().any(|one| one.holds == id || one.running.as_ref().is_some_and(tries))
    }
}

/// With ids as numbers.
pub(crate) fn short(text: &str) -> String {
    text.replace("0198c0de-0000-7000-8000-0000000000", "#")
}
