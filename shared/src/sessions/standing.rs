//! What a stored record means to an operation on its id.

use chrono::{DateTime, Utc};

use super::{
    conditions::Condition,
    rules::{EndReason, Moment, Pointer, Record, State},
};

/// What the record under an id means at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The user has no record of the id.
    Unknown,
    /// The session goes on; its record may be purged at that time.
    Live(DateTime<Utc>),
    /// The session has expired, and nothing has noticed yet.
    Expired,
    /// The session was ended.
    Ended {
        /// By what, if that was written down.
        reason: Option<EndReason>,
        /// When its record may be purged.
        purge_at: DateTime<Utc>,
    },
    /// The id stands for another session.
    Renewed(Pointer),
}

impl Standing {
    /// What `record`, or that there is none, means at `moment`.
    #[must_use]
    pub fn of(record: Option<&Record>, moment: &Moment) -> Self {
        let Some(record) = record else { return Self::Unknown };
        if let Some(pointer) = record.pointer() {
            return Self::Renewed(pointer);
        }
        match record.session().map(|session| session.state) {
            Some(State::Ended { reason, .. }) => Self::Ended { reason, purge_at: record.purge_at },
            _ if Condition::Live(*moment).holds(Some(record)) => Self::Live(record.purge_at),
            _ => Self::Expired,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        id::SessionId,
        sessions::rules::{ClientInfo, Lifetimes, Session},
    };

    const LIFETIMES: Lifetimes =
        Lifetimes { timeout: TimeDelta::seconds(3_600), retention: TimeDelta::days(90) };

    fn time(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    fn record(last_active_ms: i64, state: State) -> Record {
        let moment = LIFETIMES.at(time(last_active_ms));
        let mut session = Session::start(SessionId::new(moment.now()), ClientInfo::default(), &moment);
        session.state = state;
        Record::of(session, &moment)
    }

    fn standing(record: &Record, ms: i64) -> Standing {
        Standing::of(Some(record), &LIFETIMES.at(time(ms)))
    }

    #[test]
    fn a_session_is_live_up_to_and_including_its_timeout() {
        let stored = record(1_000, State::Active);
        assert_eq!(standing(&stored, 3_601_000), Standing::Live(stored.purge_at));
        assert_eq!(standing(&stored, 3_601_001), Standing::Expired);
    }

    #[test]
    fn a_session_ahead_of_this_hosts_clock_is_live() {
        assert!(matches!(standing(&record(10_000, State::Active), 5_000), Standing::Live(_)));
    }

    proptest! {
        #[test]
        fn what_is_over_stays_over_at_any_time(last in 0_i64..1 << 40, now in 0_i64..1 << 40) {
            let ended = record(last, State::Ended { end_time: time(last), reason: None });
            prop_assert_eq!(standing(&ended, now), Standing::Ended { reason: None, purge_at: ended.purge_at });
            let to = SessionId::new(time(last));
            let renewed = record(last, State::Expired { end_time: time(last), renewed_to: to });
            prop_assert!(matches!(standing(&renewed, now), Standing::Renewed(pointer) if pointer.to == to));
        }

        #[test]
        fn a_session_that_expired_stays_expired(last in 0_i64..1 << 40, now in 0_i64..1 << 40, later in 0_i64..1 << 40) {
            let stored = record(last, State::Active);
            if standing(&stored, now) == Standing::Expired {
                prop_assert_eq!(standing(&stored, now + later), Standing::Expired);
            }
        }
    }
}
