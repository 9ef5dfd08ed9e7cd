//! What a write demands of the stored record: each rule once, as data with two readings. DynamoDB gets its text, and
//! [`Condition::holds`] says the same of a record at hand.

use chrono::{DateTime, Utc};

use super::{
    item::{self, StateName},
    rules::{Moment, Record, State},
};
use crate::{dynamodb::Expression, id::SessionId};

/// A condition on the record under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is none.
    Absent,
    /// A session that is stored as active and has not expired.
    Live(Moment),
    /// A session that is stored as active and has expired: nothing has noticed yet.
    Expired(Moment),
    /// A session that is stored as active and was active before now: a heartbeat would move it.
    Behind(Moment),
    /// A session that is stored as active, with an activity later than this host's clock says it is.
    Ahead(Moment),
    /// A record that stands for another session, and points to this one.
    PointsTo(SessionId),
    /// What does not meet that condition.
    Not(Box<Self>),
    /// What meets both conditions.
    Both(Box<[Self; 2]>),
    /// What meets one of them, or both.
    Either(Box<[Self; 2]>),
}

/// How the last activity of a session lies to a time.
#[derive(Clone, Copy)]
enum Comparison {
    Before,
    AtOrAfter,
    After,
}

impl Comparison {
    fn sign(self) -> &'static str {
        match self {
            Self::Before => "<",
            Self::AtOrAfter => ">=",
            Self::After => ">",
        }
    }

    fn holds(self, last_activity: DateTime<Utc>, time: DateTime<Utc>) -> bool {
        match self {
            Self::Before => last_activity < time,
            Self::AtOrAfter => last_activity >= time,
            Self::After => last_activity > time,
        }
    }
}

/// A time to which last activities are compared, and its placeholder.
type Bound = (&'static str, DateTime<Utc>);

impl Condition {
    /// Both this and `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::Both(Box::new([self, other]))
    }

    /// This, or `other`, or both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::Either(Box::new([self, other]))
    }

    /// Anything but this.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "`!` on a condition would read as a bool")]
    pub fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Whether the record, or that there is none, meets the condition.
    #[must_use]
    pub fn holds(&self, record: Option<&Record>) -> bool {
        if let Some((comparison, (_, time))) = self.on_last_activity() {
            let session = record.and_then(Record::session).filter(|session| session.state == State::Active);
            return session.is_some_and(|session| comparison.holds(session.last_active_time, time));
        }
        match self {
            Self::PointsTo(id) => record.and_then(Record::pointer).is_some_and(|pointer| pointer.to == *id),
            Self::Not(other) => !other.holds(record),
            Self::Both(parts) => parts.iter().all(|part| part.holds(record)),
            Self::Either(parts) => parts.iter().any(|part| part.holds(record)),
            _ => record.is_none(),
        }
    }

    /// The condition as DynamoDB reads it.
    pub(super) fn expression(&self) -> Expression {
        if let Some((comparison, (placeholder, time))) = self.on_last_activity() {
            let sign = comparison.sign();
            let text =
                format!("{} = :active AND {} {sign} {placeholder}", item::STATE, item::LAST_ACTIVE_TIME);
            return Expression::new(text)
                .value(":active", StateName::Active)
                .value(placeholder, item::milliseconds(time));
        }
        match self {
            Self::PointsTo(id) => {
                Expression::new(format!("{} = :pointed", item::RENEWED_TO)).value(":pointed", item::id(*id))
            }
            Self::Not(other) => {
                let Expression { text, values } = other.expression();
                Expression { text: format!("NOT ({text})"), values }
            }
            Self::Both(parts) => parts[0].expression().joined("AND", parts[1].expression()),
            Self::Either(parts) => parts[0].expression().joined("OR", parts[1].expression()),
            _ => Expression::new(format!("attribute_not_exists({})", item::PARTITION_KEY)),
        }
    }

    /// The rules on the last activity of what is stored as active. This alone says what live and expired are.
    fn on_last_activity(&self) -> Option<(Comparison, Bound)> {
        let cut = |moment: &Moment| (":cut", moment.cut());
        let now = |moment: &Moment| (":now", moment.now());
        match self {
            Self::Live(moment) => Some((Comparison::AtOrAfter, cut(moment))),
            Self::Expired(moment) => Some((Comparison::Before, cut(moment))),
            Self::Behind(moment) => Some((Comparison::Before, now(moment))),
            Self::Ahead(moment) => Some((Comparison::After, now(moment))),
            _ => None,
        }
    }
}
