//! The two identifiers: parsed once at the edge, valid ever after.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::{NoContext, Timestamp, Uuid};

/// Names one session: a hyphenated UUID, read in any case and written in lower case. It identifies and never
/// authorizes: every access is by user and id together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SessionId(Uuid);

/// The text is not a hyphenated UUID.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("not a hyphenated UUID")]
pub struct NotASessionId;

impl SessionId {
    /// A new id, whose leading bits are the time `now`.
    #[must_use]
    pub fn new(now: DateTime<Utc>) -> Self {
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        Self(Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos())))
    }
}

impl SessionId {
    /// What the ids of the sessions that start at `time` begin with, to the millisecond; ids sort by it.
    #[must_use]
    pub fn prefix(time: DateTime<Utc>) -> String {
        let digits = format!("{:012x}", time.timestamp_millis().max(0));
        let (seconds, rest) = digits.split_at(8);
        format!("{seconds}-{rest}")
    }
}

impl FromStr for SessionId {
    type Err = NotASessionId;

    fn from_str(text: &str) -> Result<Self, NotASessionId> {
        // `Uuid` also reads the simple, braced and URN forms; only the hyphenated one has 36 characters.
        if text.len() != uuid::fmt::Hyphenated::LENGTH {
            return Err(NotASessionId);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| NotASessionId)
    }
}

impl TryFrom<String> for SessionId {
    type Error = NotASessionId;

    fn try_from(text: String) -> Result<Self, NotASessionId> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The user: the token's `sub`, verbatim. 1 to 255 bytes of visible ASCII.
///
/// It has no `Display`, so that none reaches a log by accident: see [`UserId::digest`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserId(String);

/// The `sub` is empty, longer than 255 bytes, or has a byte outside 0x21–0x7E.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("not a usable sub claim")]
pub struct NotAUserId;

impl UserId {
    /// The `sub` as it is.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `sub` can be a user's id.
    pub(crate) fn is_usable(sub: &str) -> bool {
        (1..=255).contains(&sub.len()) && sub.bytes().all(|byte| byte.is_ascii_graphic())
    }

    /// The first 16 hex digits of SHA-256(`sub`): tells users apart in a log without naming them.
    #[must_use]
    pub fn digest(&self) -> String {
        first_digits(&Sha256::digest(&self.0))
    }

    /// The first 16 hex digits of HMAC-SHA-256(`key`, `sub`): the same, and who does not have the key cannot find out
    /// which `sub` it is by trying some.
    pub(crate) fn keyed_digest(&self, key: &[u8; 64]) -> String {
        let mut code = Hmac::<Sha256>::new(key.into());
        code.update(self.0.as_bytes());
        first_digits(&code.finalize().into_bytes())
    }
}

fn first_digits(digest: &[u8]) -> String {
    let first = digest.first_chunk::<8>().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(first))
}

impl FromStr for UserId {
    type Err = NotAUserId;

    fn from_str(sub: &str) -> Result<Self, NotAUserId> {
        if Self::is_usable(sub) { Ok(Self(sub.to_owned())) } else { Err(NotAUserId) }
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserId({})", self.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_is_read_in_any_case_and_written_in_lower_case() {
        let id: SessionId = "0198C0DE-0000-7000-8000-00000000ABCD".parse().unwrap();
        assert_eq!(id.to_string(), "0198c0de-0000-7000-8000-00000000abcd");
    }

    #[test]
    fn only_the_hyphenated_form_is_a_session_id() {
        for text in [
            "",
            "undefined",
            "0198c0de000070008000000000000001",
            "{0198c0de-0000-7000-8000-000000000001}",
            "urn:uuid:0198c0de-0000-7000-8000-000000000001",
            "0198c0de-0000-7000-8000-00000000000g",
            "0198c0de-0000-7000-8000-000000000001 ",
            "0198c0de-0000-7000-8000-0000000000é",
        ] {
            assert_eq!(text.parse::<SessionId>(), Err(NotASessionId), "{text}");
        }
    }

    #[test]
    fn new_ids_are_version_7_and_sort_by_time() {
        let at = |ms| SessionId::new(DateTime::from_timestamp_millis(ms).unwrap());
        let (early, late) = (at(1_700_000_000_000), at(1_700_000_000_001));
        assert_eq!(early.0.get_version_num(), 7);
        assert!(early < late);
        assert_ne!(at(5), at(5));
    }

    #[test]
    fn a_user_id_is_1_to_255_bytes_of_visible_ascii() {
        for sub in ["a", "auth0|5f7c8ec7c33c6c004bbafe82", "~!", &"x".repeat(255)] {
            assert_eq!(sub.parse::<UserId>().unwrap().as_str(), sub);
        }
        for sub in ["", "a b", "tab\t", "é", "\u{7f}", &"x".repeat(256)] {
            assert_eq!(sub.parse::<UserId>(), Err(NotAUserId), "{sub}");
        }
    }

    #[test]
    fn debug_output_never_holds_the_sub() {
        let user: UserId = "alice@example.com".parse().unwrap();
        assert_eq!(format!("{user:?}"), format!("UserId({})", user.digest()));
        assert_eq!(user.digest(), "ff8d9819fc0e12bf");
    }
}
