//! What was found of one thing, and what to do about it.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::fault;

/// What was found of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The thing, in a word or two: `stream`.
    pub thing: &'static str,
    /// How it is.
    pub state: State,
    /// How that shows.
    pub says: String,
    /// What to do.
    pub advice: Option<String>,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Well,
    /// It works, and somebody should know.
    Remark,
    /// It could not be looked at.
    NotLookedAt,
    /// Something is to be done.
    NotWell,
}

/// What AWS's services, and those that stand in for them, call an action that they do not know.
const UNKNOWN_ACTION: [&str; 6] = [
    "InvalidAction",
    "NotImplemented",
    "UnknownOperation",
    "UnknownOperationException",
    "UnsupportedOperation",
    "UnsupportedOperationException",
];

impl State {
    /// As a person reads it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Remark => "remark",
            Self::NotLookedAt => "not looked at",
            Self::NotWell => "NOT WELL",
        }
    }
}

impl Finding {
    pub(super) fn well(thing: &'static str, says: impl Into<String>) -> Self {
        Self { thing, state: State::Well, says: says.into(), advice: None }
    }

    pub(super) fn remark(thing: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { thing, state: State::Remark, says: says.into(), advice: Some(advice.into()) }
    }

    pub(super) fn not_well(thing: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { thing, state: State::NotWell, says: says.into(), advice: Some(advice.into()) }
    }

    pub(super) fn not_looked_at(thing: &'static str, says: impl Into<String>) -> Self {
        Self { thing, state: State::NotLookedAt, says: says.into(), advice: None }
    }

    /// What is known of a thing when the call for it failed. Want of a permission says nothing of the thing.
    pub(super) fn failed<E>(thing: &'static str, action: &str, subject: &str, error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
        if code.contains("AccessDenied") {
            return Self::not_looked_at(thing, format!("{subject}: no permission for {action}"));
        }
        if UNKNOWN_ACTION.contains(&code) {
            return Self::not_looked_at(thing, format!("{subject}: {action} is not known there"));
        }
        let says = fault::of_call(error, subject).to_string();
        Self { thing, state: State::NotWell, says, advice: None }
    }
}
