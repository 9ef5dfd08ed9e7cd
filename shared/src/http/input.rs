//! What requests carry: the session id in the path or header, and a JSON body.

use std::time::Duration;

use lambda_http::{Request, RequestExt};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::ApiError;
use crate::{
    clock::Deadline,
    id::{NotASessionId, SessionId},
};

/// A request never has more time than this, which is below the time for which the gateway waits, and that for which the
/// template lets a function run.
const LONGEST: Duration = Duration::from_secs(14);

/// What is left of an invocation's time for the answer.
const TO_ANSWER: Duration = Duration::from_secs(1);

/// Names the session that the calling browser has stored.
pub const SESSION_HEADER: &str = "x-session-id";

/// Makes a login repeatable: it stands for the session that the login opens.
const IDEMPOTENCY_HEADER: &str = "idempotency-key";

/// Tells a request that its invocation is stopped after `time`.
pub fn allow(request: &mut Request, time: Duration) {
    let deadline = Deadline::after(time.saturating_sub(TO_ANSWER).min(LONGEST));
    request.extensions_mut().insert(deadline);
}

/// When the request is to be answered.
#[must_use]
pub fn deadline(request: &Request) -> Deadline {
    request.extensions().get().copied().unwrap_or_else(|| Deadline::after(LONGEST))
}

/// The `sessionId` of the path.
pub fn path_session_id(request: &Request) -> Result<SessionId, NotASessionId> {
    request.path_parameters_ref().and_then(|path| path.first("sessionId")).ok_or(NotASessionId)?.parse()
}

/// The id in the `X-Session-ID` header, if there is one.
#[must_use]
pub fn header_session_id(request: &Request) -> Option<Result<SessionId, NotASessionId>> {
    header_id(request, SESSION_HEADER)
}

/// The key in the `Idempotency-Key` header, if there is one. Two such headers reach a function as one that holds none.
#[must_use]
pub fn idempotency_key(request: &Request) -> Option<Result<SessionId, NotASessionId>> {
    header_id(request, IDEMPOTENCY_HEADER)
}

fn header_id(request: &Request, name: &str) -> Option<Result<SessionId, NotASessionId>> {
    let value = request.headers().get(name)?;
    Some(value.to_str().map_err(|_| NotASessionId).and_then(str::parse))
}

/// A parameter of the query; one that is given more than once is empty, because none of its values is meant.
#[must_use]
pub fn query<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    match request.query_string_parameters_ref()?.all(name)?.as_slice() {
        [value] => Some(value),
        _ => Some(""),
    }
}

/// The body as a JSON object, whatever its content type says; [`ApiError::InvalidBody`] with `expected` if it is none.
pub fn json_object<T: DeserializeOwned>(request: &Request, expected: &'static str) -> Result<T, ApiError> {
    // By way of a map: serde would also read a struct from an array.
    let object: Option<Map<String, Value>> = serde_json::from_slice(request.body()).ok();
    object
        .and_then(|object| T::deserialize(Value::Object(object)).ok())
        .ok_or(ApiError::InvalidBody(expected))
}
