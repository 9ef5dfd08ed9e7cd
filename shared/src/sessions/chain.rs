//! The chain of renewals that an id stands for, and the walk from an id to its head.

use super::{
    changes::Change,
    error::SessionError,
    rules::{Head, Pointer, Record},
    store::Write,
    visit::Visit,
};
use crate::id::SessionId;

/// A walk gives up after this many hops, with its position saved: the next one goes on from there.
const HOPS: u32 = 100;

/// A walk along the chain of one id.
pub(super) struct Walk<'a> {
    visit: Visit<'a>,
    start: SessionId,
    at: SessionId,
    hops: u32,
    /// What the start's own record pointed to, once that was read.
    first: Option<Pointer>,
}

impl<'a> Walk<'a> {
    /// A walk that has yet to leave `start`.
    pub(super) fn new(visit: Visit<'a>, start: SessionId) -> Self {
        Self { visit, start, at: start, hops: 0, first: None }
    }

    /// Where the walk is.
    pub(super) fn at(&self) -> SessionId {
        self.at
    }

    /// One hop along `pointer`, which the record at the present position holds.
    pub(super) async fn follow(&mut self, pointer: Pointer) -> Result<(), SessionError> {
        let outcome = self.step(pointer);
        if outcome.is_err() {
            // The record here is kept no longer than its own purge time, so neither is the pointer to it.
            self.point_start_to(Head { id: self.at, purge_at: pointer.kept_until }).await;
        }
        outcome
    }

    fn step(&mut self, pointer: Pointer) -> Result<(), SessionError> {
        if self.hops == HOPS {
            return Err(SessionError::ChainTooLong(HOPS));
        }
        self.first.get_or_insert(pointer);
        self.at = pointer.to;
        self.hops += 1;
        Ok(())
    }

    /// The walk has led to `head`: leaves the start's pointer short and fresh.
    pub(super) async fn arrive(&self, head: Head) {
        if self.first.is_some_and(|first| first.is_worth_moving(&head)) {
            self.point_start_to(head).await;
        }
    }

    /// Best effort: the answer is right without it, and the next heartbeat tries again.
    async fn point_start_to(&self, head: Head) {
        let Some(read) = self.first else { return };
        match self.visit.change(self.start, &Change::Point { read: read.to, head }).await {
            Ok(Write::Done | Write::Refused(_)) => {}
            Err(cause) => tracing::warn!(%cause, session_id = %self.start, "a pointer could not be moved"),
        }
    }
}

/// A chain as reads alone show it.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// The ids that there are records of, from the first on.
    pub(super) ids: Vec<SessionId>,
    /// The record of the session at its end; `None` if the user has none of it.
    pub(super) head: Option<Record>,
}

/// The chain of `start`. Changes nothing, not even the position of a walk that was too long.
pub(super) async fn read(visit: Visit<'_>, start: SessionId) -> Result<Chain, SessionError> {
    let mut walk = Walk::new(visit, start);
    let mut chain = Chain::default();
    while let Some(record) = visit.app.store.get(visit.user, walk.at).await? {
        chain.ids.push(walk.at);
        let Some(pointer) = record.pointer() else {
            chain.head = Some(record);
            break;
        };
        walk.step(pointer)?;
    }
    Ok(chain)
}
