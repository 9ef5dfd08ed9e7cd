//! What has been granted and what of it is used up: in memory, bounded, and gone with the server.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{recent::Recent, sign_in::SignIn};

/// For so long a code can be exchanged for tokens.
const CODE_LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// With the 16 kB that a form may have at the most, 16 MB.
const CODES: usize = 1_000;

/// Used refresh tokens, and families of them that are void. An older one would be good once more.
const REMEMBERED: usize = 10_000;

/// What a code stands for: a sign-in, and what the exchange must show.
#[derive(Clone)]
pub(super) struct Grant {
    pub(super) sign_in: SignIn,
    pub(super) redirect_uri: String,
    /// SHA-256 of the verifier, in unpadded URL-safe base64.
    pub(super) challenge: String,
    pub(super) nonce: Option<String>,
}

/// The codes and refresh tokens of the code flow.
pub(super) struct Grants(Mutex<State>);

struct State {
    codes: Recent<Code>,
    spent: Recent<()>,
    /// The families of refresh tokens that are void.
    void: Recent<()>,
}

enum Code {
    Fresh { grant: Box<Grant>, until: DateTime<Utc> },
    Used { family: String },
}

impl Grants {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            codes: Recent::of_at_most(CODES),
            spent: Recent::of_at_most(REMEMBERED),
            void: Recent::of_at_most(REMEMBERED),
        }))
    }

    /// A new code for `grant`.
    pub(super) fn code_for(&self, grant: Grant, now: DateTime<Utc>) -> String {
        let code = unguessable();
        self.state()
            .codes
            .insert(code.clone(), Code::Fresh { grant: Box::new(grant), until: now + CODE_LIFETIME });
        code
    }

    /// What a code stands for, once: whoever asks, and whatever comes of it. A second time somebody has stolen it, so
    /// all refresh tokens that came of it are void from then on.
    pub(super) fn redeem(&self, code: &str, now: DateTime<Utc>) -> Option<Grant> {
        let mut state = self.state();
        let stored = state.codes.get_mut(code)?;
        let family = match stored {
            Code::Fresh { grant, .. } => grant.sign_in.family.clone(),
            Code::Used { family } => family.clone(),
        };
        match std::mem::replace(stored, Code::Used { family: family.clone() }) {
            Code::Fresh { grant, until } => (now < until).then_some(*grant),
            Code::Used { .. } => {
                state.void.insert(family, ());
                None
            }
        }
    }

    /// Uses up a refresh token of a family. False if it was used before, which makes the whole family void, or if that
    /// is void already.
    pub(super) fn spend(&self, token_id: &str, family: &str) -> bool {
        let mut state = self.state();
        if state.void.contains(family) {
            return false;
        }
        if state.spent.contains(token_id) {
            state.void.insert(family.to_owned(), ());
            return false;
        }
        state.spent.insert(token_id.to_owned(), ());
        true
    }

    /// Makes all refresh tokens of a family void.
    pub(super) fn revoke(&self, family: &str) {
        self.state().void.insert(family.to_owned(), ());
    }

    /// Nothing panics while it is locked; and if it did, each field would still be whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A text of 244 random bits.
pub(super) fn unguessable() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn grant(family: &str) -> Grant {
        let mut sign_in = SignIn::default();
        family.clone_into(&mut sign_in.family);
        Grant { sign_in, redirect_uri: String::new(), challenge: String::new(), nonce: None }
    }

    #[test]
    fn a_code_is_good_for_a_minute_and_once() {
        let grants = Grants::new();
        for (seconds, is_good) in [(59, true), (60, false)] {
            let code = grants.code_for(grant("x"), time(0));
            assert_eq!(grants.redeem(&code, time(seconds)).is_some(), is_good, "{seconds}");
            assert!(grants.redeem(&code, time(1)).is_none(), "a second time, even within the minute");
        }
        assert!(grants.redeem("unknown", time(0)).is_none());
    }

    #[test]
    fn a_code_or_a_token_that_comes_twice_voids_its_family_alone() {
        let grants = Grants::new();
        let code = grants.code_for(grant("one"), time(0));
        assert!(grants.redeem(&code, time(0)).is_some() && grants.spend("one-1", "one"));
        assert!(grants.redeem(&code, time(0)).is_none());
        assert!(!grants.spend("one-2", "one"), "the code came twice");
        assert!(grants.spend("two-1", "two") && !grants.spend("two-1", "two"));
        assert!(!grants.spend("two-2", "two"), "the token came twice");
        assert!(grants.spend("three-1", "three"));
    }

    #[test]
    fn a_flood_of_codes_drops_the_oldest() {
        let grants = Grants::new();
        let codes: Vec<String> = (0..=CODES).map(|_| grants.code_for(grant("x"), time(0))).collect();
        assert!(grants.redeem(&codes[0], time(0)).is_none());
        assert!(
            grants.redeem(&codes[1], time(0)).is_some() && grants.redeem(&codes[CODES], time(0)).is_some()
        );
    }
}
