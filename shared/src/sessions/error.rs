//! What can go wrong with sessions. What that means to a caller is said in one place above, `http::error`.

use std::fmt;

use thiserror::Error;

use crate::dynamodb::Fault;

/// A stored item that is no record of ours; names what is wrong with it, never its content.
#[derive(Debug, Error)]
#[error("an item of the sessions table is malformed: {0}")]
pub struct Malformed(String);

impl Malformed {
    pub(super) fn because(cause: impl fmt::Display) -> Self {
        Self(cause.to_string())
    }

    /// What serde found wrong, up to where it says what it found.
    pub(super) fn in_serde(cause: &serde_dynamo::Error) -> Self {
        let text = cause.to_string();
        let is_of_a_name = text.starts_with("missing field") || text.starts_with("duplicate field");
        let found = |letter: char| ['"', '\'', '`'].contains(&letter) || letter.is_ascii_digit();
        let end = text.find(found).filter(|_| !is_of_a_name).unwrap_or(text.len());
        Self(text[..end].trim_end_matches([' ', ':']).to_owned())
    }
}

/// Why an access to the sessions table failed although nothing was wrong with it.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A fault of DynamoDB.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// What it has is not ours.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Why an operation did not do what it was to do.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The user has no such session.
    #[error("the user has no such session")]
    Unknown,
    /// The session was ended, for good.
    #[error("the session was ended")]
    Ended,
    /// The chain of renewals is too long for one walk. The position is saved where that is allowed.
    #[error("a chain has more than {0} renewals")]
    ChainTooLong(u32),
    /// The time for the request is spent. What was done by then is done.
    #[error("the time for the request is spent")]
    OutOfTime,
    /// The user started as many sessions within an hour as one may.
    #[error("the user started too many sessions")]
    TooManyStarts,
    /// The new ids that were tried belong to other sessions.
    #[error("every new session id was taken")]
    NoFreeId,
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Fault> for SessionError {
    fn from(fault: Fault) -> Self {
        Self::Store(fault.into())
    }
}
