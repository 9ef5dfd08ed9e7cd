//! Ways to break the protocol on purpose: a model that holds whatever is done to it says nothing.

use shared::sessions::{
    changes::Change,
    conditions::Condition,
    rules::{Body, Record, State},
};

use crate::table::Write;

/// One rule that is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Break {
    /// A heartbeat does not ask whether the session has expired.
    TouchTheExpired,
    /// A heartbeat does not ask whether the last activity is later than this host's clock.
    TouchBackwards,
    /// A heartbeat asks only whether the session has expired, and makes active what was ended.
    TouchTheEnded,
    /// A renewal asks nothing.
    RenewAnything,
    /// A renewal puts the successor first, and the pointer to it after that.
    RenewInTwoWrites,
    /// A new try to start a session has a new id.
    NewIdForEachTry,
    /// A tombstone is put over what is there.
    TombstoneOverwrites,
    /// A session starts for an unknown id, and nothing is left there.
    NoTombstone,
    /// A walk moves its start's pointer though that has moved meanwhile.
    PointBlindly,
    /// A pointer is kept from its own write on, and not as long as its target.
    PointerKeptByItsWrite,
    /// A walk never moves its start's pointer, or refreshes it.
    NoArrival,
    /// A walk that gives up does not save how far it came.
    PositionNotSaved,
    /// An end asks nothing.
    EndAnything,
    /// An end does not ask whether the last activity is later than this host's clock.
    EndBeforeLastActivity,
    /// Engagement counts as activity.
    EngageMovesActivity,
    /// The limit ends what it saw, though it was active since.
    EndSurplusBlindly,
    /// The limit ends the sessions that started first.
    LimitByStart,
    /// The limit looks once, whatever that look met.
    OneLook,
    /// The limit is kept before the session starts.
    LimitBeforeStart,
    /// What has expired by this host's clock is taken out of the index.
    UnlistByOneClock,
    /// A record past its purge time counts as gone.
    PurgedIsGone,
    /// Ending the others reads the caller's chain before it reads what is live.
    ChainReadFirst,
    /// Ending the others goes on to the next whatever refused the last.
    OthersMayRefuse,
    /// To an end, an id that was renewed is one that nobody has.
    RenewedIsUnknown,
    /// A refused start answers with the session that it tried to start.
    AnswerWhatWasTried,
}

impl Break {
    /// Whether the write is made whatever is stored.
    pub(crate) fn demands_nothing_of(self, write: &Write) -> bool {
        match (self, write) {
            (Self::RenewAnything, Write::Change(_, Change::Renew { .. }))
            | (Self::PointBlindly, Write::Change(_, Change::Point { .. }))
            | (Self::EndAnything, Write::Change(_, Change::End { .. })) => true,
            (Self::TombstoneOverwrites, Write::Put(_, record)) => record.session().is_none(),
            _ => false,
        }
    }

    /// The condition in the place of the right one.
    pub(crate) fn condition(self, change: &Change) -> Option<Condition> {
        match (self, *change) {
            (Self::TouchTheEnded, Change::Touch(moment)) => Some(Condition::Expired(moment).not()),
            (Self::TouchTheExpired, Change::Touch(moment)) => Some(Condition::Behind(moment)),
            (Self::TouchBackwards, Change::Touch(moment))
            | (Self::EndBeforeLastActivity, Change::End { moment, .. })
            | (Self::EndSurplusBlindly, Change::EndSurplus { moment, .. }) => Some(Condition::Live(moment)),
            (Self::UnlistByOneClock, Change::Unlist(moment)) => Some(Condition::Expired(moment)),
            _ => None,
        }
    }

    /// The record in the place of the right one.
    pub(crate) fn applied(self, change: &Change, mut after: Record) -> Record {
        let Body::Session(session) = &mut after.body else { return after };
        match (self, change) {
            (Self::TouchTheEnded, Change::Touch(_)) if matches!(session.state, State::Ended { .. }) => {
                session.state = State::Active;
            }
            (Self::EngageMovesActivity, Change::Engage { moment, .. }) => {
                session.last_active_time = moment.now().max(session.last_active_time);
            }
            _ => {}
        }
        after
    }
}
