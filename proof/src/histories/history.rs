//! What clients did and what they were told, in the order in which they could tell.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use uuid::Uuid;

/// An id of a session, or of none.
pub(super) type Id = Uuid;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Login,
    LoginOnce(Id),
    Heartbeat(Id),
    Engage(Id, bool),
    End(Id),
    Logout(Id),
    EndOthers(Option<Id>),
    List(Option<Id>),
    Get(Id),
}

impl Call {
    /// The id that it is about.
    pub(super) fn id(self) -> Option<Id> {
        match self {
            Self::LoginOnce(id)
            | Self::Heartbeat(id)
            | Self::Engage(id, _)
            | Self::End(id)
            | Self::Logout(id)
            | Self::Get(id) => Some(id),
            Self::Login | Self::EndOthers(_) | Self::List(_) => None,
        }
    }

    /// Whether it moves the last activity, at the time at which it is made.
    pub(super) fn is_activity(self) -> bool {
        matches!(self, Self::Login | Self::LoginOnce(_) | Self::Heartbeat(_))
    }
}

/// A session as an answer shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) id: Id,
    pub(super) start: i64,
    pub(super) last: i64,
    pub(super) engaged: bool,
    pub(super) current: bool,
}

/// Where a session stands, as its own page shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Live,
    Expired,
    Ended,
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// A login: the session, and when it started.
    Started(Id, i64),
    /// A heartbeat.
    Active,
    /// A heartbeat.
    Renewed(Id),
    /// A heartbeat on what was ended.
    Over(String),
    /// Of which session it was said.
    Engaged(Id),
    /// Which session was ended.
    Ended(Id),
    LoggedOut,
    Others(u64),
    Listed(Vec<Seen>),
    Found(Seen, Phase, Option<String>),
    /// A status of 400 to 499 and its code.
    Refused(u16, String),
    /// A status from 500 on.
    Failed(u16),
    /// Nothing: the connection was closed, by this or the other end.
    Nothing,
    /// What no answer may be.
    Odd(String),
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Op {
    pub(super) user: usize,
    pub(super) host: usize,
    pub(super) call: Call,
    pub(super) told: Told,
    /// Its place among all beginnings and ends.
    pub(super) began: u64,
    /// `u64::MAX` if nobody knows.
    pub(super) ended: u64,
    /// The host's time when it began.
    pub(super) from: i64,
    /// The host's time when it was answered; if it was not, the latest that it can have been for the function.
    pub(super) to: i64,
    /// When the client gave up.
    pub(super) gave_up: Option<Instant>,
}

impl Op {
    /// Whether it was answered, and did what it says.
    pub(super) fn is_done(&self) -> bool {
        !matches!(self.told, Told::Refused(..) | Told::Failed(_) | Told::Nothing | Told::Odd(_))
    }

    /// Whether nobody knows what it did.
    pub(super) fn is_unclear(&self) -> bool {
        matches!(self.told, Told::Failed(_) | Told::Nothing)
    }

    /// Whether it was over before `other` began.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        self.ended < other.began
    }
}

/// All requests of a round.
#[derive(Default)]
pub(super) struct History {
    order: AtomicU64,
    ops: Mutex<Vec<Op>>,
}

impl History {
    /// The next place in the order.
    pub(super) fn place(&self) -> u64 {
        self.order.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn note(&self, op: Op) {
        self.ops.lock().unwrap_or_else(PoisonError::into_inner).push(op);
    }

    /// All so far, in the order in which they began.
    pub(super) fn take(&self) -> Vec<Op> {
        let mut ops = std::mem::take(&mut *self.ops.lock().unwrap_or_else(PoisonError::into_inner));
        ops.sort_unstable_by_key(|op| op.began);
        ops
    }
}
