//! What a write demands of the stored record: each rule once, as data with two readings. DynamoDB gets its text, and
//! [`Condition::holds`] says the same of a record at hand.

use chrono::{DateTime, TimeDelta, Utc};

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
    /// A session that is stored as active and has expired by the clock of any host.
    LongExpired(Moment),
    /// A session that is stored as active and was last active at that very time.
    LastActive(DateTime<Utc>),
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
const LONG_EXPIRED: Rule = Rule(Comparison::Before, Border::LongCut);
const BEHIND: Rule = Rule(Comparison::Before, Border::Now);
const AHEAD: Rule = Rule(Comparison::After, Border::Now);

/// Clocks of hosts are assumed to differ by no more, where only an index entry hangs on it.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::seconds(60);

#[derive(Clone, Copy)]
enum Comparison {
    Before,
    At,
    AtOrAfter,
    After,
}

#[derive(Clone, Copy)]
enum Border {
    Cut,
    LongCut,
    Now,
}

impl Rule {
    fn holds(&self, record: Option<&Record>, moment: &Moment) -> bool {
        self.0.holds(record, self.1.of(moment))
    }

    fn holds_of(&self, session: &Session, moment: &Moment) -> bool {
        self.0.holds_of(session, self.1.of(moment))
    }

    fn expression(&self, moment: &Moment) -> Expression {
        self.0.expression(self.1.placeholder(), self.1.of(moment))
    }
}

impl Comparison {
    fn holds(self, record: Option<&Record>, border: DateTime<Utc>) -> bool {
        record.and_then(Record::session).is_some_and(|session| self.holds_of(session, border))
    }

    fn holds_of(self, session: &Session, border: DateTime<Utc>) -> bool {
        let last_activity = session.last_active_time;
        session.state == State::Active
            && match self {
                Self::Before => last_activity < border,
                Self::At => last_activity == border,
                Self::AtOrAfter => last_activity >= border,
                Self::After => last_activity > border,
            }
    }

    fn expression(self, placeholder: &str, border: DateTime<Utc>) -> Expression {
        let sign = match self {
            Self::Before => "<",
            Self::At => "=",
            Self::AtOrAfter => ">=",
            Self::After => ">",
        };
        let text = [STATE, " = :active AND ", LAST_ACTIVE_TIME, " ", sign, " ", placeholder];
        Expression::new(text.concat())
            .value(":active", StateName::Active)
            .value(placeholder, milliseconds(border))
    }
}

impl Border {
    fn of(self, moment: &Moment) -> DateTime<Utc> {
        match self {
            Self::Cut => moment.cut(),
            Self::LongCut => moment.cut() - CLOCKS_DIFFER,
            Self::Now => moment.now(),
        }
    }

    fn placeholder(self) -> &'static str {
        match self {
            Self::Cut => ":cut",
            Self::LongCut => ":longCut",
            Self::Now => ":now",
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
            Self::LongExpired(moment) => LONG_EXPIRED.holds(record, moment),
            Self::LastActive(time) => Comparison::At.holds(record, *time),
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
            Self::LongExpired(moment) => LONG_EXPIRED.expression(moment),
            Self::LastActive(time) => Comparison::At.expression(":seen", *time),
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

impl Moment {
    /// Whether a session, as it was read, is live.
    #[must_use]
    pub fn finds_live(&self, session: &Session) -> bool {
        LIVE.holds_of(session, self)
    }

    /// Whether it has expired by the clock of any host, and nothing has noticed.
    #[must_use]
    pub fn finds_long_expired(&self, session: &Session) -> bool {
        LONG_EXPIRED.holds_of(session, self)
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
