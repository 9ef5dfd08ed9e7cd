//! What is measured: a program, and what it is asked for.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::{AtomicI64, AtomicUsize, Ordering},
};

use anyhow::Result;
use serde_json::{Value, json};
use shared::id::SessionId;

use crate::lambda::Function;

/// A program, by the name that it has in tables.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) program: PathBuf,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Function {
        function: Function,
        events: Events,
    },
    /// The bare program, which is no function.
    Update {
        environment: BTreeMap<String, String>,
        /// From where it counts the time of its calls, each of which must be later than those before.
        now: AtomicI64,
    },
}

impl Subject {
    pub(super) fn is_function(&self) -> bool {
        matches!(self.kind, Kind::Function { .. })
    }
}

/// Events of one kind, of which no two in a row are about one session.
pub(super) struct Events {
    example: Value,
    user: String,
    sessions: Vec<SessionId>,
    made: AtomicUsize,
}

impl Events {
    /// Those like an example, of a user and that user's sessions.
    pub(super) fn new(example: &str, user: &str, sessions: Vec<SessionId>) -> Result<Self> {
        let example = serde_json::from_str(example)?;
        Ok(Self { example, user: user.to_owned(), sessions, made: AtomicUsize::new(0) })
    }

    /// The next one.
    pub(super) fn next(&self) -> String {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let mut event = self.example.clone();
        if let Some(sub) = event.pointer_mut("/requestContext/authorizer/jwt/claims/sub") {
            *sub = json!(self.user);
            // A user has only so many sessions and logins.
            if self.example["rawPath"] == "/auth/login" {
                *sub = json!(format!("{}-{number}", self.user));
            }
        }
        if let Some(id) = event.pointer_mut("/pathParameters/sessionId") {
            *id = json!(self.sessions[number % self.sessions.len()]);
        }
        event.to_string()
    }
}
