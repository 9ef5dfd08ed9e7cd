//! The rules of a session's life: pure, and told what time it is.

use chrono::{DateTime, TimeDelta, Utc};

use crate::id::SessionId;

/// A pointer is moved on only when that keeps its record at least this much longer: often enough never to be
/// purged before its target, seldom enough to cost nothing.
const POINTER_REFRESH: TimeDelta = TimeDelta::days(1);

/// How long a session lives without a heartbeat, and how long its record is kept after the last write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Without a heartbeat for longer than this, a session has expired.
    pub timeout: TimeDelta,
    /// A record is kept this long beyond the timeout.
    pub retention: TimeDelta,
}

impl Lifetimes {
    /// The lifetimes as seen at `now`.
    #[must_use]
    pub fn at(self, now: DateTime<Utc>) -> Moment {
        Moment { now, lifetimes: self }
    }

    /// When a session last active at `last_active_time` expires.
    #[must_use]
    pub fn expiry(self, last_active_time: DateTime<Utc>) -> DateTime<Utc> {
        last_active_time + self.timeout
    }
}

/// The time of one invocation, and what follows from it. One invocation has one moment, so that a repeat of a
/// write within it changes nothing more.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    now: DateTime<Utc>,
    lifetimes: Lifetimes,
}

impl Moment {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// A session last active before this has expired.
    #[must_use]
    pub fn cut(&self) -> DateTime<Utc> {
        self.now - self.lifetimes.timeout
    }

    /// When a record that is written now may be purged, in whole seconds.
    #[must_use]
    pub fn purge_at(&self) -> DateTime<Utc> {
        let at = self.now + self.lifetimes.timeout + self.lifetimes.retention;
        DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
    }
}

/// The UTC day number of `time`.
#[must_use]
pub fn day_number(time: DateTime<Utc>) -> i64 {
    time.timestamp().div_euclid(86_400)
}

/// What the request tells about the device that sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// The address that API Gateway saw.
    pub ip_address: Option<String>,
    /// The user agent, cut to 400 bytes.
    pub user_agent: Option<String>,
}

/// A tracked visit of an authenticated user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Names it.
    pub id: SessionId,
    /// When it started.
    pub start_time: DateTime<Utc>,
    /// The last login, heartbeat or renewal; never moves backwards.
    pub last_active_time: DateTime<Utc>,
    /// Whether it goes on, as stored: an active session may have expired silently.
    pub state: State,
    /// Whether the user engaged with the content.
    pub content_engaged: bool,
    /// The expired session that this one renewed.
    pub renewed_from: Option<SessionId>,
    /// The device that started it.
    pub client: ClientInfo,
}

/// The stored state of a session. Nothing leads back to `Active`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Neither ended nor renewed.
    Active,
    /// Ended by its user, for good.
    Ended {
        /// When; never before the last activity.
        end_time: DateTime<Utc>,
    },
    /// Expired, noticed by the heartbeat that renewed it.
    Expired {
        /// The last activity.
        end_time: DateTime<Utc>,
        /// Its one successor.
        renewed_to: SessionId,
    },
}

impl Session {
    /// A session that starts now.
    #[must_use]
    pub fn start(id: SessionId, client: ClientInfo, moment: &Moment) -> Self {
        Self {
            id,
            start_time: moment.now(),
            last_active_time: moment.now(),
            state: State::Active,
            content_engaged: false,
            renewed_from: None,
            client,
        }
    }

    /// Whether the session is live: stored as active, and active since the cut.
    #[must_use]
    pub fn is_live(&self, moment: &Moment) -> bool {
        self.state == State::Active && self.last_active_time >= moment.cut()
    }
}

/// What is stored under a session id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The session, or what stands in for one.
    pub body: Body,
    /// When the record may be purged. Purging is late by days: nothing concludes from this time that it happened.
    pub purge_at: DateTime<Utc>,
}

/// A session, or the mark that an id which nobody knew was answered with a new session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A session.
    Session(Session),
    /// No session: it makes an unknown id start one session and not two.
    Tombstone {
        /// The session that was started.
        renewed_to: SessionId,
    },
}

/// What a record means to an operation on its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It goes on.
    Live,
    /// It has expired, and nothing has noticed yet.
    Expired,
    /// It was ended.
    Ended,
    /// It stands for another session.
    Renewed(Pointer),
}

/// The way from an id to the session that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The next session of the chain.
    pub to: SessionId,
    /// When the record that holds the pointer may be purged.
    pub purge_at: DateTime<Utc>,
}

impl Record {
    /// What the record means at this moment.
    #[must_use]
    pub fn standing(&self, moment: &Moment) -> Standing {
        let renewed = |to| Standing::Renewed(Pointer { to, purge_at: self.purge_at });
        match &self.body {
            Body::Tombstone { renewed_to } => renewed(*renewed_to),
            Body::Session(session) => match session.state {
                State::Expired { renewed_to, .. } => renewed(renewed_to),
                State::Ended { .. } => Standing::Ended,
                State::Active if session.is_live(moment) => Standing::Live,
                State::Active => Standing::Expired,
            },
        }
    }
}

impl Pointer {
    /// Whether an id that reached `head` through this pointer should be pointed there directly, where `kept_until`
    /// is when the head's record may be purged. It keeps walks short, and a pointer as long as its target.
    #[must_use]
    pub fn is_worth_moving(&self, head: SessionId, kept_until: DateTime<Utc>) -> bool {
        self.to != head || kept_until - self.purge_at > POINTER_REFRESH
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIFETIMES: Lifetimes =
        Lifetimes { timeout: TimeDelta::seconds(3_600), retention: TimeDelta::days(90) };

    fn time(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    fn record(last_active_ms: i64, state: State) -> Record {
        let moment = LIFETIMES.at(time(last_active_ms));
        let mut session = Session::start(SessionId::new(moment.now()), ClientInfo::default(), &moment);
        session.state = state;
        Record { body: Body::Session(session), purge_at: moment.purge_at() }
    }

    #[test]
    fn a_session_is_live_up_to_and_including_its_timeout() {
        let stored = record(1_000, State::Active);
        assert_eq!(stored.standing(&LIFETIMES.at(time(3_601_000))), Standing::Live);
        assert_eq!(stored.standing(&LIFETIMES.at(time(3_601_001))), Standing::Expired);
    }

    #[test]
    fn a_session_ahead_of_this_hosts_clock_is_live() {
        assert_eq!(record(10_000, State::Active).standing(&LIFETIMES.at(time(5_000))), Standing::Live);
    }

    #[test]
    fn purging_waits_for_timeout_and_retention_in_whole_seconds() {
        assert_eq!(LIFETIMES.at(time(1_999)).purge_at(), time((1 + 3_600 + 90 * 86_400) * 1_000));
    }

    #[test]
    fn a_pointer_moves_only_to_another_head_or_by_more_than_a_day() {
        let (head, other) = (SessionId::new(time(1)), SessionId::new(time(2)));
        let pointer = Pointer { to: head, purge_at: time(0) };
        assert!(pointer.is_worth_moving(other, time(0)));
        assert!(!pointer.is_worth_moving(head, time(86_400_000)));
        assert!(pointer.is_worth_moving(head, time(86_400_001)));
    }

    proptest! {
        #[test]
        fn what_is_over_stays_over_at_any_time(last in 0_i64..1 << 40, now in 0_i64..1 << 40) {
            let moment = LIFETIMES.at(time(now));
            let ended = record(last, State::Ended { end_time: time(last) });
            prop_assert_eq!(ended.standing(&moment), Standing::Ended);
            let to = SessionId::new(time(last));
            let renewed = record(last, State::Expired { end_time: time(last), renewed_to: to });
            prop_assert!(matches!(renewed.standing(&moment), Standing::Renewed(pointer) if pointer.to == to));
        }

        #[test]
        fn a_session_that_expired_stays_expired(last in 0_i64..1 << 40, now in 0_i64..1 << 40, later in 0_i64..1 << 40) {
            let stored = record(last, State::Active);
            if stored.standing(&LIFETIMES.at(time(now))) == Standing::Expired {
                prop_assert_eq!(stored.standing(&LIFETIMES.at(time(now + later))), Standing::Expired);
            }
        }
    }
}
