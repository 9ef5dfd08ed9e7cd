//! The chain of renewals that an id stands for, and the walk from an id to its head.

use crate::{
    app::App,
    error::ApiError,
    id::{SessionId, UserId},
    retry::Retries,
    session::{ClientInfo, Moment, Pointer, Session, Standing},
    store::{StoreError, Transaction, Write},
};

/// A walk gives up after this many hops, with its position saved: the next one goes on from there.
const HOPS: u32 = 100;

/// A walk along the chain of one id, and what it may do to the chain on its way.
pub(crate) struct Walk<'a> {
    app: &'a App,
    user: &'a UserId,
    pub(crate) moment: Moment,
    start: SessionId,
    /// Where the walk is.
    pub(crate) at: SessionId,
    hops: u32,
    /// What the start's own record pointed to, once that was read.
    first: Option<Pointer>,
    successor: Option<Successor>,
    retries: Retries,
}

/// The session that this walk has tried to start in the place of another. Its id stays the same from try to try, so
/// that one whose answer was lost is recognised as our own.
#[derive(Clone)]
struct Successor {
    of: SessionId,
    session: Session,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(app: &'a App, user: &'a UserId, start: SessionId) -> Self {
        Self {
            app,
            user,
            moment: app.moment(),
            start,
            at: start,
            hops: 0,
            first: None,
            successor: None,
            retries: Retries::new(),
        }
    }

    /// One hop along `pointer`, which the record at the present position holds.
    pub(crate) async fn follow(&mut self, pointer: Pointer) -> Result<(), ApiError> {
        if self.step(pointer) { Ok(()) } else { Err(self.give_up(pointer).await) }
    }

    fn step(&mut self, pointer: Pointer) -> bool {
        if self.hops == HOPS {
            return false;
        }
        self.first.get_or_insert(pointer);
        self.at = pointer.to;
        self.hops += 1;
        true
    }

    /// Saves the position of a walk that was too long, where the record holds `pointer`.
    async fn give_up(&self, pointer: Pointer) -> ApiError {
        // The record here is kept no longer than its own purge time, so neither is the pointer to it.
        self.point_start_to(Pointer { to: self.at, purge_at: pointer.purge_at }).await;
        ApiError::Unavailable(format!("a chain has more than {HOPS} renewals"))
    }

    /// Renews the expired session at the present position. On success the walk is at the successor; else it is where
    /// it was, and whoever got there first has left the answer in the record.
    pub(crate) async fn renew(&mut self, client: &ClientInfo, engaged: bool) -> Result<bool, ApiError> {
        let old = self.at;
        let mut successor = self.successor(client);
        successor.renewed_from = Some(old);
        successor.content_engaged = engaged;
        let outcome = self.app.store.renew(self.user, old, &successor, &self.moment).await;
        self.started(outcome, successor).await
    }

    /// Starts a session for the unknown id at the present position. Outcomes as of [`Walk::renew`].
    pub(crate) async fn start_for_unknown(&mut self, client: &ClientInfo) -> Result<bool, ApiError> {
        let session = self.successor(client);
        let outcome = self.app.store.start_for_unknown(self.user, self.at, &session, &self.moment).await;
        self.started(outcome, session).await
    }

    fn successor(&mut self, client: &ClientInfo) -> Session {
        match &self.successor {
            Some(tried) if tried.of == self.at => tried.session.clone(),
            _ => Session::start(SessionId::new(self.moment.now()), client.clone(), &self.moment),
        }
    }

    async fn started(
        &mut self,
        outcome: Result<Transaction, StoreError>,
        session: Session,
    ) -> Result<bool, ApiError> {
        let id = session.id;
        self.successor = Some(Successor { of: self.at, session });
        match outcome {
            Ok(Transaction::Done) => {
                self.at = id;
                return Ok(true);
            }
            // No wait: the record has changed already.
            Ok(Transaction::Refused) => self.look_again("a transaction was refused")?,
            Err(fault) => self.retries.pause(fault).await?,
        }
        Ok(false)
    }

    /// Counts one more look at a record that is not as the last answer about it said.
    pub(crate) fn look_again(&mut self, cause: &str) -> Result<(), ApiError> {
        Ok(self.retries.spend(StoreError::Conflict(cause.to_owned()))?)
    }

    /// The session that this walk started, if it has arrived there.
    pub(crate) fn own_start(&self) -> Option<&Session> {
        self.successor.as_ref().map(|successor| &successor.session).filter(|session| session.id == self.at)
    }

    /// Arrived at the head, whose record may be purged at `head.purge_at`: leaves the start's pointer short and fresh.
    pub(crate) async fn arrive(&self, head: Pointer) {
        if self.first.is_some_and(|first| first.is_worth_moving(head.to, head.purge_at)) {
            self.point_start_to(head).await;
        }
    }

    /// Best effort: the answer is right without it, and the next heartbeat tries again.
    async fn point_start_to(&self, target: Pointer) {
        let Some(read) = self.first else { return };
        match self.app.store.point(self.user, self.start, read, target).await {
            Ok(Write::Done | Write::Refused(_)) => {}
            Err(cause) => tracing::warn!(%cause, session_id = %self.start, "a pointer could not be moved"),
        }
    }
}

/// The ids from `start` to the head of its chain, by reads alone; empty if there is no record of it, `None` if the
/// chain is too long for one walk.
pub(crate) async fn ids(
    app: &App,
    user: &UserId,
    start: SessionId,
) -> Result<Option<Vec<SessionId>>, ApiError> {
    let mut walk = Walk::new(app, user, start);
    let mut ids = Vec::new();
    while let Some(record) = app.store.get(user, walk.at).await? {
        ids.push(walk.at);
        match record.standing(&walk.moment) {
            Standing::Renewed(pointer) if walk.step(pointer) => {}
            Standing::Renewed(_) => return Ok(None),
            Standing::Live | Standing::Expired | Standing::Ended => break,
        }
    }
    Ok(Some(ids))
}
