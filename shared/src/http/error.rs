//! The errors of the API, and the one place that says which status, code and message each gets.
//!
//! A domain error says what was wrong with the request. A fault below carries its cause for the log and shows the
//! caller nothing but "Try again" or "Internal error".

use lambda_http::{
    Body, Response,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
};
use serde::Serialize;
use thiserror::Error;

use super::reply;
use crate::{
    counters::Counter,
    dynamodb::Fault,
    id::NotASessionId,
    metrics::{MetricsError, calendar::RangeError},
    sessions::{SessionError, StoreError},
};

/// What passes by itself has mostly passed by then.
const SECONDS_UNTIL_A_RETRY: &str = "1";

/// The hour of the starts that count moves on; when the next one may be would take reading them all.
const SECONDS_UNTIL_A_START: &str = "60";

/// Why a request is not answered as it wished.
#[derive(Debug, Error)]
pub enum ApiError {
    /// No request can be made of what the gateway handed over.
    #[error("The request cannot be read")]
    InvalidRequest,
    /// No authorizer vouched for a usable user.
    #[error("Unauthorized")]
    Unauthorized,
    /// The text where a session id was expected; names where that was.
    #[error("{0} must be a UUID like 0198c0de-0000-7000-8000-000000000001")]
    InvalidSessionId(&'static str),
    /// The `Idempotency-Key` header is no UUID.
    #[error("Idempotency-Key must be a UUID like 0198c0de-0000-4000-8000-000000000001")]
    InvalidIdempotencyKey,
    /// The body is not what the endpoint takes; says what it takes.
    #[error("{0}")]
    InvalidBody(&'static str),
    /// A range of days that cannot be used; says which parameter is wrong.
    #[error("{0}")]
    InvalidRange(String),
    /// The caller has no permission to read metrics.
    #[error("The token does not have the permission to read metrics")]
    Forbidden,
    /// The caller has no such session.
    #[error("Session not found")]
    SessionNotFound,
    /// The session was ended, for good.
    #[error("Session has ended")]
    SessionEnded,
    /// The caller has, or started of late, as many sessions as one may; says which.
    #[error("{0}")]
    TooManySessions(&'static str),
    /// A fault that may pass.
    #[error("Try again")]
    Unavailable(String),
    /// A fault that needs an operator.
    #[error("Internal error")]
    Internal(String),
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    status: &'a str,
    code: &'a str,
    message: &'a str,
}

impl ApiError {
    /// The status and code, the log line of a fault or a denial, and the body. `user` is who asked, as logs name them,
    /// where that is known.
    #[must_use]
    pub fn into_response(self, user: Option<&str>) -> Response<Body> {
        let (status, code) = match &self {
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::InvalidSessionId(_) => (StatusCode::BAD_REQUEST, "invalid_session_id"),
            Self::InvalidIdempotencyKey => (StatusCode::BAD_REQUEST, "invalid_idempotency_key"),
            Self::InvalidBody(_) => (StatusCode::BAD_REQUEST, "invalid_body"),
            Self::InvalidRange(_) => (StatusCode::BAD_REQUEST, "invalid_range"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Self::SessionNotFound => (StatusCode::NOT_FOUND, "session_not_found"),
            Self::SessionEnded => (StatusCode::CONFLICT, "session_ended"),
            Self::TooManySessions(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_sessions"),
            Self::Unavailable(cause) => {
                tracing::error!(cause, "unavailable");
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            Self::Internal(cause) => {
                tracing::error!(cause, "internal error");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal_error")
            }
        };
        if is_denial(status) {
            tracing::info!(code, user, "request denied");
            Counter::Denied.count();
        }
        let body = ErrorBody { status: "error", code, message: &self.to_string() };
        let mut response = reply::json_with_status(status, &body);
        let seconds = match status {
            StatusCode::SERVICE_UNAVAILABLE => Some(SECONDS_UNTIL_A_RETRY),
            StatusCode::TOO_MANY_REQUESTS => Some(SECONDS_UNTIL_A_START),
            _ => None,
        };
        if let Some(seconds) = seconds {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }

    /// A session id that could not be parsed, named by where it stood.
    pub fn invalid_session_id(place: &'static str) -> impl FnOnce(NotASessionId) -> Self {
        move |_| Self::InvalidSessionId(place)
    }
}

/// Whether a request that was understood is refused: of whoever tries ids, tokens or permissions there are many.
fn is_denial(status: StatusCode) -> bool {
    status.is_client_error() && status != StatusCode::BAD_REQUEST
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Conflict(_) | Fault::Unavailable(_) | Fault::Throttled(_) => {
                Self::Unavailable(fault.to_string())
            }
            Fault::Full(cause) => {
                tracing::error!(cause, "a user's records are as many as DynamoDB takes");
                Self::TooManySessions("You have more sessions on record than there is room for")
            }
            Fault::Refused(_) => Self::Internal(fault.to_string()),
        }
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Unknown => Self::SessionNotFound,
            SessionError::Ended => Self::SessionEnded,
            SessionError::TooManyStarts => {
                Self::TooManySessions("You started too many sessions within an hour")
            }
            SessionError::ChainTooLong(_) | SessionError::NoFreeId | SessionError::OutOfTime => {
                Self::Unavailable(error.to_string())
            }
            SessionError::Store(StoreError::Fault(fault)) => fault.into(),
            SessionError::Store(StoreError::Malformed(cause)) => Self::Internal(cause.to_string()),
        }
    }
}

impl From<MetricsError> for ApiError {
    fn from(error: MetricsError) -> Self {
        match error {
            MetricsError::Fault(fault) => fault.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<RangeError> for ApiError {
    fn from(error: RangeError) -> Self {
        Self::InvalidRange(error.to_string())
    }
}
