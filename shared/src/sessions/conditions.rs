//! What a write demands of the stored record: each rule once, as data with two readings. DynamoDB gets its text, and
//! [`Condition::holds`] says the same of a record at hand.

use chrono::{DateTime, Utc};

use super::{
    item::{self, LAST_ACTIVE_TIME, STATE, StateName, milliseconds},
    rules::{Lifetimes, Moment, Record, Session, State},
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

/// A rule on the last activity of what is stored as active: how it lies to a border.
struct Rule(Comparison, Border);

// These alone say what live and expired are.
const LIVE: Rule = Rule(Comparison::AtOrAfter, Border::Cut);
const EXPIRED: Rule = Rule(Comparison::Before, Border::Cut);
const BEHIND: Rule = Rule(Comparison::Before, Border::Now);
const AHEAD: Rule = Rule(Comparison::After, Border::Now);

#[derive(Clone, Copy)]
enum Comparison {
    Before,
    AtOrAfter,
    After,
}

#[derive(Clone, Copy)]
enum Border {
    Cut,
    Now,
}

impl Rule {
    fn holds(&self, record: Option<&Record>, moment: &Moment) -> bool {
        let session = record.and_then(Record::session).filter(|session| session.state == State::Active);
        session.is_some_and(|session| {
            let (last_activity, border) = (session.last_active_time, self.1.of(moment));
            match self.0 {
                Comparison::Before => last_activity < border,
                Comparison::AtOrAfter => last_activity >= border,
                Comparison::After => last_activity > border,
            }
        })
    }

    fn expression(&self, moment: &Moment) -> Expression {
        let sign = match self.0 {
            Comparison::Before => "<",
            Comparison::AtOrAfter => ">=",
            Comparison::After => ">",
        };
        let border = match self.1 {
            Border::Cut => ":cut",
            Border::Now => ":now",
        };
        Expression::new(format!("{STATE} = :active AND {LAST_ACTIVE_TIME} {sign} {border}"))
            .value(":active", StateName::Active)
            .value(border, milliseconds(self.1.of(moment)))
    }
}

impl Border {
    fn of(self, moment: &Moment) -> DateTime<Utc> {
        match self {
            Self::Cut => moment.cut(),
            Self::Now => moment.now(),
        }
    }
}

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
        match self {
            Self::Absent => record.is_none(),
            Self::Live(moment) => LIVE.holds(record, moment),
            Self::Expired(moment) => EXPIRED.holds(record, moment),
            Self::Behind(moment) => BEHIND.holds(record, moment),
            Self::Ahead(moment) => AHEAD.holds(record, moment),
            Self::PointsTo(id) => record.and_then(Record::pointer).is_some_and(|pointer| pointer.to == *id),
            Self::Not(other) => !other.holds(record),
            Self::Both(parts) => parts.iter().all(|part| part.holds(record)),
            Self::Either(parts) => parts.iter().any(|part| part.holds(record)),
        }
    }

    /// The condition as DynamoDB reads it.
    pub(super) fn expression(&self) -> Expression {
        match self {
            Self::Absent => Expression::new(format!("attribute_not_exists({})", item::PARTITION_KEY)),
            Self::Live(moment) => LIVE.expression(moment),
            Self::Expired(moment) => EXPIRED.expression(moment),
            Self::Behind(moment) => BEHIND.expression(moment),
            Self::Ahead(moment) => AHEAD.expression(moment),
            Self::PointsTo(id) => {
                Expression::new(format!("{} = :pointed", item::RENEWED_TO)).value(":pointed", item::id(*id))
            }
            Self::Not(other) => {
                let Expression { text, values } = other.expression();
                Expression { text: format!("NOT ({text})"), values }
            }
            Self::Both(parts) => parts[0].expression().joined("AND", parts[1].expression()),
            Self::Either(parts) => parts[0].expression().joined("OR", parts[1].expression()),
        }
    }
}

impl Lifetimes {
    /// When a session expires without another heartbeat: the last moment at which it is live.
    #[must_use]
    pub fn expiry(self, session: &Session) -> DateTime<Utc> {
        session.last_active_time + self.timeout
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::{id::SessionId, sessions::rules::ClientInfo};

    proptest! {
        #[test]
        fn a_session_is_live_until_it_expires(last in 0_i64..1 << 40, timeout in 1_i64..2_592_000) {
            let lifetimes =
                Lifetimes { timeout: TimeDelta::seconds(timeout), retention: TimeDelta::days(90) };
            let moment = lifetimes.at(DateTime::from_timestamp_millis(last).unwrap());
            let session = Session::start(SessionId::new(moment.now()), ClientInfo::default(), &moment);
            let expiry = lifetimes.expiry(&session);
            let record = Record::of(session, &moment);
            prop_assert!(Condition::Live(lifetimes.at(expiry)).holds(Some(&record)));
            let later = lifetimes.at(expiry + TimeDelta::milliseconds(1));
            prop_assert!(Condition::Expired(later).holds(Some(&record)));
        }
    }
}
