//! The chain of renewals that an id stands for, and the walk from an id to its head.

use super::{
    changes::Change,
    error::{SessionError, StoreError},
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
    /// What the start's own record pointed to, once that was read, and what led here.
    first_and_last: Option<(Pointer, Pointer)>,
}

impl<'a> Walk<'a> {
    /// A walk that has yet to leave `start`.
    pub(super) fn new(visit: Visit<'a>, start: SessionId) -> Self {
        Self { visit, start, at: start, hops: 0, first_and_last: None }
    }

    /// Where the walk is.
    pub(super) fn at(&self) -> SessionId {
        self.at
    }

    /// Changes the record here, if it is such that this is right. After a fault the next walk goes on from here.
    pub(super) async fn change(&self, change: &Change) -> Result<Write, StoreError> {
        self.or_save(self.visit.change(self.at, change).await).await
    }

    /// The same for engagement, and which value there was before.
    pub(super) async fn engage(&self, change: &Change) -> Result<(Write, bool), StoreError> {
        self.or_save(self.visit.records().engage(self.at, change).await).await
    }

    /// What something that was done here came to. If that is a fault the walk may not go on, and the next one shall from
    /// here.
    pub(super) async fn or_save<T, E>(&self, outcome: Result<T, E>) -> Result<T, E> {
        if let (Err(_), Some((_, last))) = (&outcome, self.first_and_last) {
            // The record here is kept at least as long as the pointer to it.
            self.arrive(Head { id: self.at, purge_at: last.kept_until }).await;
        }
        outcome
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
        self.visit.in_time()?;
        if self.hops == HOPS {
            return Err(SessionError::ChainTooLong(HOPS));
        }
        let first = self.first_and_last.map_or(pointer, |(first, _)| first);
        self.first_and_last = Some((first, pointer));
        self.at = pointer.to;
        self.hops += 1;
        Ok(())
    }

    /// The walk has led to `head`: leaves the start's pointer short and fresh.
    pub(super) async fn arrive(&self, head: Head) {
        if self.first_and_last.is_some_and(|(first, _)| first.is_worth_moving(&head)) {
            self.point_start_to(head).await;
        }
    }

    /// Best effort: the answer is right without it, and the next heartbeat tries again.
    async fn point_start_to(&self, head: Head) {
        let Some((first, _)) = self.first_and_last else { return };
        let change = Change::Point { read: first.to, head };
        match self.visit.records_at_last().change(self.start, &change).await {
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
    while let Some(record) = visit.records().get(walk.at).await? {
        chain.ids.push(walk.at);
        let Some(pointer) = record.pointer() else {
            chain.head = Some(record);
            break;
        };
        walk.step(pointer)?;
    }
    Ok(chain)
}
