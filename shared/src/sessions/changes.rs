//! What a write does to a stored record: each change once, with the condition under which it is right, as data with two
//! readings. DynamoDB gets its text, and [`Change::apply`] does the same to a record at hand.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};

use super::{
    conditions::Condition,
    item::{
        ACTIVE_DAY, CONTENT_ENGAGED, END_REASON, END_TIME, LAST_ACTIVE_TIME, PURGE_AT, RENEWED_TO, STATE,
        StateName, day, id, milliseconds, seconds,
    },
    rules::{Body, EndReason, Head, Moment, Record, Session, State},
};
use crate::{dynamodb::Expression, id::SessionId};

/// A change of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A heartbeat: moves the last activity of a live session to now, never backwards.
    Touch(Moment),
    /// Makes an expired session point to its one successor.
    Renew {
        /// The session that starts in its place, in the same transaction.
        successor: SessionId,
        /// The moment of the request.
        moment: Moment,
    },
    /// Points an id that was renewed further along its chain, unless its pointer has moved since it was read.
    Point {
        /// Where it pointed when it was read.
        read: SessionId,
        /// Where it is to point.
        head: Head,
    },
    /// Ends a live session now.
    End {
        /// What ends it.
        reason: EndReason,
        /// The moment of the request.
        moment: Moment,
    },
    /// Ends a session as of its last activity: one that has silently expired, or that is ahead of this host's clock
    /// (ending it now would give it a negative duration).
    EndAsOfLastActivity {
        /// What ends it.
        reason: EndReason,
        /// The moment of the request.
        moment: Moment,
    },
    /// Ends a session beyond the limit, unless it was active since it was seen.
    EndSurplus {
        /// Its last activity when it was seen.
        seen: DateTime<Utc>,
        /// The moment of the request.
        moment: Moment,
    },
    /// Takes a session that silently expired out of the index, which no rule needs it in. No more of its record changes.
    Unlist(Moment),
    /// Says whether the user of a live session engaged with the content; leaves its last activity alone.
    Engage {
        /// The new value.
        engaged: bool,
        /// The moment of the request.
        moment: Moment,
    },
}

impl Change {
    /// What the stored record must be like for this to be right.
    #[must_use]
    pub fn condition(&self) -> Condition {
        match *self {
            Self::Touch(moment) => Condition::Live(moment).and(Condition::Behind(moment)),
            Self::Renew { moment, .. } => Condition::Expired(moment),
            Self::Point { read, .. } => Condition::PointsTo(read),
            Self::End { moment, .. } => Condition::Live(moment).and(Condition::Ahead(moment).not()),
            Self::EndAsOfLastActivity { moment, .. } => {
                Condition::Expired(moment).or(Condition::Ahead(moment))
            }
            Self::EndSurplus { seen, .. } => Condition::LastActive(seen),
            Self::Unlist(moment) => Condition::LongExpired(moment),
            Self::Engage { moment, .. } => Condition::Live(moment),
        }
    }

    /// The record afterwards, where the condition holds.
    #[must_use]
    pub fn apply(&self, record: &Record) -> Record {
        let body = match &record.body {
            Body::Session(session) => Body::Session(self.applied_to(session)),
            Body::Tombstone { renewed_to } => Body::Tombstone { renewed_to: self.pointed_from(*renewed_to) },
        };
        Record { body, purge_at: self.purge_at().unwrap_or(record.purge_at) }
    }

    /// Whether a record looks like what this change makes of a session that it ends: after a repeat of the request,
    /// whose first answer was lost.
    #[must_use]
    pub fn has_ended(&self, record: &Record) -> bool {
        let Some(session) = record.session() else { return false };
        matches!(session.state, State::Ended { .. }) && self.ended(session) == Some(session.state)
    }

    /// The update as DynamoDB reads it.
    pub(super) fn expression(&self) -> Expression {
        let update = match self {
            Self::Touch(moment) => set(&[(LAST_ACTIVE_TIME, ":now"), (ACTIVE_DAY, ":day")])
                .value(":now", milliseconds(moment.now()))
                .value(":day", day(moment.now())),
            Self::Renew { successor, .. } => {
                over(&[(STATE, ":state"), (END_TIME, LAST_ACTIVE_TIME), (RENEWED_TO, ":successor")])
                    .value(":state", StateName::Expired)
                    .value(":successor", id(*successor))
            }
            Self::Point { head, .. } => set(&[(RENEWED_TO, ":head")]).value(":head", id(head.id)),
            Self::End { reason, moment } => ended(":end", *reason).value(":end", milliseconds(moment.now())),
            Self::EndAsOfLastActivity { reason, .. } => ended(LAST_ACTIVE_TIME, *reason),
            Self::EndSurplus { seen, moment } => {
                ended(":end", EndReason::Limit).value(":end", milliseconds(moment.now().max(*seen)))
            }
            Self::Unlist(_) => Expression::new(format!("REMOVE {ACTIVE_DAY}")),
            Self::Engage { engaged, .. } => {
                set(&[(CONTENT_ENGAGED, ":engaged")]).value(":engaged", AttributeValue::Bool(*engaged))
            }
        };
        match self.purge_at() {
            Some(at) => update.value(":purge", seconds(at)),
            None => update,
        }
    }

    fn applied_to(&self, session: &Session) -> Session {
        let mut after = session.clone();
        let last_activity = session.last_active_time;
        match *self {
            Self::Touch(moment) => after.last_active_time = moment.now(),
            Self::Renew { successor: renewed_to, .. } => {
                after.state = State::Expired { end_time: last_activity, renewed_to };
            }
            Self::Point { .. } => {
                if let State::Expired { renewed_to, .. } = &mut after.state {
                    *renewed_to = self.pointed_from(*renewed_to);
                }
            }
            Self::Engage { engaged, .. } => after.content_engaged = engaged,
            Self::End { .. } | Self::EndAsOfLastActivity { .. } | Self::EndSurplus { .. } => {
                after.state = self.ended(session).unwrap_or(after.state);
            }
            Self::Unlist(_) => {}
        }
        after
    }

    /// The state in which this leaves a session that it ends.
    fn ended(&self, session: &Session) -> Option<State> {
        let (end_time, reason) = match *self {
            Self::End { reason, moment } => (moment.now(), reason),
            Self::EndAsOfLastActivity { reason, .. } => (session.last_active_time, reason),
            Self::EndSurplus { seen, moment } => (moment.now().max(seen), EndReason::Limit),
            _ => return None,
        };
        Some(State::Ended { end_time, reason: Some(reason) })
    }

    fn pointed_from(&self, before: SessionId) -> SessionId {
        match self {
            Self::Point { head, .. } => head.id,
            _ => before,
        }
    }

    /// A record is kept for timeout and retention from its last write on, a pointer as long as its target. `None` leaves
    /// that as it is.
    fn purge_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Point { head, .. } => Some(head.purge_at),
            Self::Touch(moment)
            | Self::Renew { moment, .. }
            | Self::End { moment, .. }
            | Self::EndAsOfLastActivity { moment, .. }
            | Self::EndSurplus { moment, .. }
            | Self::Engage { moment, .. } => Some(moment.purge_at()),
            Self::Unlist(_) => None,
        }
    }
}

fn set(assignments: &[(&str, &str)]) -> Expression {
    let mut text = format!("SET {PURGE_AT} = :purge");
    for (attribute, value) in assignments {
        text.extend([", ", attribute, " = ", value]);
    }
    Expression::new(text)
}

fn ended(end_time: &str, reason: EndReason) -> Expression {
    over(&[(STATE, ":state"), (END_TIME, end_time), (END_REASON, ":reason")])
        .value(":state", StateName::Ended)
        .value(":reason", AttributeValue::S(reason.name().to_owned()))
}

/// The session is over, and so leaves the index of the active ones.
fn over(assignments: &[(&str, &str)]) -> Expression {
    let Expression { text, values } = set(assignments);
    Expression { text: format!("{text} REMOVE {ACTIVE_DAY}"), values }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::{
        super::rules::{ClientInfo, Lifetimes},
        *,
    };

    #[test]
    fn only_what_a_change_itself_makes_of_a_session_looks_ended_by_it() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let (before, later) = (now - TimeDelta::milliseconds(1), now + TimeDelta::milliseconds(1));
        let moment = Lifetimes { timeout: TimeDelta::hours(1), retention: TimeDelta::days(90) }.at(now);
        let id = SessionId::new(now);
        let in_state = |state| {
            let session = Session { state, ..Session::start(id, ClientInfo::default(), &moment) };
            Record::of(session, &moment)
        };
        let ended = |end_time, reason| in_state(State::Ended { end_time, reason });

        let end = Change::End { reason: EndReason::Logout, moment };
        assert!(end.has_ended(&ended(now, Some(EndReason::Logout))));
        for other in [
            ended(before, Some(EndReason::Logout)),
            ended(now, Some(EndReason::Ended)),
            ended(now, None),
            in_state(State::Active),
            in_state(State::Expired { end_time: now, renewed_to: id }),
            Record::tombstone(id, &moment),
        ] {
            assert!(!end.has_ended(&other), "{other:?}");
        }
        let surplus = Change::EndSurplus { seen: later, moment };
        assert!(surplus.has_ended(&ended(later, Some(EndReason::Limit))));
        assert!(!surplus.has_ended(&ended(now, Some(EndReason::Limit))));
        assert!(!Change::Touch(moment).has_ended(&ended(now, Some(EndReason::Logout))));
    }
}
