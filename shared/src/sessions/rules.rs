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

/// How much one user may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Live sessions at once.
    pub live: usize,
    /// Sessions that logins and unknown ids start within an hour; as many as they like with 0.
    pub starts: i32,
}

impl Limits {
    /// Where nothing else is set.
    pub const DEFAULT: Self = Self { live: 100, starts: 300 };
}

impl Lifetimes {
    /// The lifetimes as seen at `now`.
    #[must_use]
    pub fn at(self, now: DateTime<Utc>) -> Moment {
        Moment { now, lifetimes: self }
    }
}

/// The time of one invocation, and what follows from it. One invocation has one moment, so that a repeat of a
/// write within it changes nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    now: DateTime<Utc>,
    lifetimes: Lifetimes,
}

impl Moment {
    /// When the invocation began.
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
    /// The id that it was started with; later ids of its chain are other sessions'.
    pub id: SessionId,
    /// The login, or the heartbeat that renewed or started it. Decides to which day it belongs, for good.
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
    /// Ended, for good.
    Ended {
        /// When; never before the last activity.
        end_time: DateTime<Utc>,
        /// By what; `None` if that was not written down.
        reason: Option<EndReason>,
    },
    /// Expired, noticed by the heartbeat that renewed it.
    Expired {
        /// The last activity.
        end_time: DateTime<Utc>,
        /// Its one successor.
        renewed_to: SessionId,
    },
}

/// What ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its user logged out.
    Logout,
    /// Its user ended it by its id.
    Ended,
    /// Its user ended all others.
    EndedOthers,
    /// Its user started more sessions than may be live at once.
    Limit,
    /// Whoever runs the service ended all of its user's.
    Operator,
}

impl EndReason {
    const ALL: [Self; 5] = [Self::Logout, Self::Ended, Self::EndedOthers, Self::Limit, Self::Operator];

    /// As it is stored, logged and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Ended => "ended",
            Self::EndedOthers => "ended_others",
            Self::Limit => "limit",
            Self::Operator => "operator",
        }
    }

    /// The reason of that name; `None` for one that a later version may have written.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
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

impl Record {
    /// The record of a session that is written now.
    #[must_use]
    pub fn of(session: Session, moment: &Moment) -> Self {
        Self { body: Body::Session(session), purge_at: moment.purge_at() }
    }

    /// The record that takes an unknown id, for which the session `renewed_to` starts.
    #[must_use]
    pub fn tombstone(renewed_to: SessionId, moment: &Moment) -> Self {
        Self { body: Body::Tombstone { renewed_to }, purge_at: moment.purge_at() }
    }

    /// The session, if it is not a tombstone.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        match &self.body {
            Body::Session(session) => Some(session),
            Body::Tombstone { .. } => None,
        }
    }

    /// The way to the session that the id stands for, if that is another one.
    #[must_use]
    pub fn pointer(&self) -> Option<Pointer> {
        match self.body {
            Body::Tombstone { renewed_to: to }
            | Body::Session(Session { state: State::Expired { renewed_to: to, .. }, .. }) => {
                Some(Pointer { to, kept_until: self.purge_at })
            }
            Body::Session(_) => None,
        }
    }
}

/// The way from an id to the session that it stands for, as a record has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The next session of the chain.
    pub to: SessionId,
    /// When the record that holds the pointer may be purged.
    pub kept_until: DateTime<Utc>,
}

/// The session that a walk along a chain has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The session.
    pub id: SessionId,
    /// When its record may be purged: a pointer to it is kept no longer.
    pub purge_at: DateTime<Utc>,
}

impl Pointer {
    /// Whether an id that came to `head` by way of this pointer should be pointed there directly. It keeps walks
    /// short, and a pointer as long as its target.
    #[must_use]
    pub fn is_worth_moving(&self, head: &Head) -> bool {
        self.to != head.id || head.purge_at - self.kept_until > POINTER_REFRESH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIMES: Lifetimes =
        Lifetimes { timeout: TimeDelta::seconds(3_600), retention: TimeDelta::days(90) };

    fn time(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    #[test]
    fn purging_waits_for_timeout_and_retention_in_whole_seconds() {
        assert_eq!(LIFETIMES.at(time(1_999)).purge_at(), time((1 + 3_600 + 90 * 86_400) * 1_000));
    }

    #[test]
    fn a_pointer_moves_only_to_another_head_or_by_more_than_a_day() {
        let (head, other) = (SessionId::new(time(1)), SessionId::new(time(2)));
        let pointer = Pointer { to: head, kept_until: time(0) };
        let is_worth_moving = |id, ms| pointer.is_worth_moving(&Head { id, purge_at: time(ms) });
        assert!(is_worth_moving(other, 0));
        assert!(!is_worth_moving(head, 86_400_000));
        assert!(is_worth_moving(head, 86_400_001));
    }
}
