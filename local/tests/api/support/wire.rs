//! The way from the server to its engine: it notes every call and what that consumed, and disturbs those it is told
//! to. Both go by user, so that tests of many users run side by side.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
    shared::IntoShared,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, Semaphore},
    time::{sleep, timeout},
};

/// So many calls are on their way at once, and the others wait: each is a connection, and a process may have only so many.
const AT_ONCE: usize = 100;

/// A call to the engine: one attempt of an operation.
#[derive(Clone, Debug)]
pub struct Call {
    pub operation: String,
    /// Whether it is a read, and one that is strongly consistent.
    pub consistent_read: Option<bool>,
    /// Read and write units, as the engine tells them.
    pub units: f64,
}

/// What can go wrong between a server and DynamoDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another transaction holds the item. Nothing is written.
    Conflict,
    /// The same transaction is under way. Nothing is written.
    InProgress,
    /// Too many requests. Nothing is written.
    Throttled,
    /// An internal error, and nothing is written.
    FailedBefore,
    /// An internal error after the write took effect.
    FailedAfter,
    /// No answer after the write took effect.
    Lost,
    /// A transaction that is cancelled for these reasons. Nothing is written.
    Cancelled(&'static [&'static str]),
    /// An answer of this status and body, and nothing is written.
    Answer(u16, &'static str),
    /// A connection that is accepted and never answered. Nothing is written.
    Silent,
    /// A connection that is reset. Nothing is written.
    Reset,
    /// No error at all: the answer comes so many milliseconds late.
    Late(u64),
    /// A `BatchGetItem` that gives nothing and leaves all keys unprocessed.
    Unprocessed,
    /// No error at all: a Query gives one item a page, and a `BatchGetItem` leaves all keys but one unprocessed.
    Piecemeal,
}

impl Fault {
    /// All that are errors.
    pub const ALL: [Self; 6] = [
        Self::Conflict,
        Self::InProgress,
        Self::Throttled,
        Self::FailedBefore,
        Self::FailedAfter,
        Self::Lost,
    ];
}

/// Which of a user's calls meet the fault: `times` of them from the call number `from`.
#[derive(Clone, Copy, Debug)]
pub struct Disturbance {
    pub fault: Fault,
    pub from: usize,
    pub times: usize,
}

/// Holds one call back while other things happen.
#[derive(Clone, Default)]
pub struct Hold {
    reached: Arc<Notify>,
    release: Arc<Notify>,
}

impl Hold {
    /// Waits until the call is made.
    pub async fn reached(&self) {
        // A call that is never made fails the test that waits for it.
        timeout(Duration::from_mins(1), self.reached.notified()).await.unwrap();
    }

    /// Lets it go on.
    pub fn release(&self) {
        self.release.notify_one();
    }
}

#[derive(Default)]
struct Line {
    calls: Vec<Call>,
    disturbance: Option<Disturbance>,
    hold: Option<(usize, Hold)>,
    hit: bool,
}

#[derive(Clone)]
pub struct Wire {
    inner: SharedHttpConnector,
    at_once: Arc<Semaphore>,
    lines: Arc<Mutex<HashMap<String, Line>>>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    pub fn new() -> Self {
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        Self { inner: Connector::builder().build_http().into_shared(), at_once, lines: Arc::default() }
    }

    pub fn client(&self) -> SharedHttpClient {
        let connector = self.clone().into_shared();
        http_client_fn(move |_, _| SharedHttpConnector::clone(&connector))
    }

    /// From now on the calls for `user` are noted anew, and disturbed like this.
    pub fn disturb(&self, user: &str, disturbance: Option<Disturbance>) {
        let line = Line { disturbance, ..Line::default() };
        self.lines.lock().unwrap().insert(user.to_owned(), line);
    }

    /// From now on the calls for `user` are noted anew, and the one of this number is held.
    pub fn hold(&self, user: &str, number: usize) -> Hold {
        self.hold_under(user, number, None)
    }

    /// The same, with calls disturbed like this.
    pub fn hold_under(&self, user: &str, number: usize, disturbance: Option<Disturbance>) -> Hold {
        let hold = Hold::default();
        let line = Line { hold: Some((number, hold.clone())), disturbance, ..Line::default() };
        self.lines.lock().unwrap().insert(user.to_owned(), line);
        hold
    }

    /// Notes the calls for `user` anew.
    pub fn listen(&self, user: &str) {
        self.disturb(user, None);
    }

    /// The calls for `user` since then.
    pub fn calls(&self, user: &str) -> Vec<Call> {
        self.lines.lock().unwrap().get(user).map(|line| line.calls.clone()).unwrap_or_default()
    }

    /// Whether the disturbance met a call.
    pub fn was_hit(&self, user: &str) -> bool {
        self.lines.lock().unwrap().get(user).is_some_and(|line| line.hit)
    }

    /// Notes a call of this operation, and returns what holds it.
    fn note(&self, user: &str, operation: &str, body: &Value) -> Option<Hold> {
        let mut lines = self.lines.lock().unwrap();
        let line = lines.get_mut(user)?;
        let consistent_read = match operation {
            "GetItem" | "Query" | "Scan" => Some(body["ConsistentRead"] == true),
            "BatchGetItem" => {
                let mut tables = body["RequestItems"].as_object().unwrap().values();
                Some(tables.all(|table| table["ConsistentRead"] == true))
            }
            _ => None,
        };
        line.calls.push(Call { operation: operation.to_owned(), consistent_read, units: 0.0 });
        line.hold.take_if(|(number, _)| *number + 1 == line.calls.len()).map(|(_, hold)| hold)
    }

    /// The fault that the call just noted meets.
    fn fault(&self, user: &str, operation: &str) -> Option<Fault> {
        let mut lines = self.lines.lock().unwrap();
        let line = lines.get_mut(user)?;
        let number = line.calls.len() - 1;
        let disturbance = line.disturbance?;
        let within = (disturbance.from..disturbance.from + disturbance.times).contains(&number);
        let applies = match disturbance.fault {
            Fault::Conflict => ["PutItem", "UpdateItem", "TransactWriteItems"].contains(&operation),
            Fault::InProgress | Fault::Cancelled(_) => operation == "TransactWriteItems",
            Fault::Unprocessed => operation == "BatchGetItem",
            _ => true,
        };
        line.hit |= within && applies;
        (within && applies).then_some(disturbance.fault)
    }

    async fn relay(self, mut request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let mut body: Value =
            serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let user = user_of(&body);
        if let Some(hold) = user.as_deref().and_then(|user| self.note(user, &operation, &body)) {
            hold.reached.notify_one();
            hold.release.notified().await;
        }
        let fault = user.as_deref().and_then(|user| self.fault(user, &operation));
        match fault {
            Some(Fault::Conflict) if operation == "TransactWriteItems" => {
                return Ok(cancelled(&["TransactionConflict", "None"]));
            }
            Some(Fault::Cancelled(codes)) => return Ok(cancelled(codes)),
            Some(Fault::Answer(status, body)) => return Ok(answer(status, body)),
            Some(Fault::Conflict) => return Ok(error(400, "TransactionConflictException")),
            Some(Fault::InProgress) => return Ok(error(400, "TransactionInProgressException")),
            Some(Fault::Throttled) => return Ok(error(400, "ThrottlingException")),
            Some(Fault::FailedBefore) => return Ok(error(500, "InternalServerError")),
            Some(Fault::Silent) => return std::future::pending().await,
            Some(Fault::Reset) => return Err(ConnectorError::io("connection reset".into())),
            Some(Fault::Unprocessed) => {
                let left = json!({ "Responses": {}, "UnprocessedKeys": body["RequestItems"] });
                return Ok(answer(200, &left.to_string()));
            }
            Some(Fault::FailedAfter | Fault::Lost | Fault::Late(_) | Fault::Piecemeal) | None => {}
        }
        let mut unprocessed = None;
        if fault == Some(Fault::Piecemeal) && operation == "Query" {
            body["Limit"] = json!(1);
        }
        if fault == Some(Fault::Piecemeal) && operation == "BatchGetItem" {
            let (table, wanted) = body["RequestItems"].as_object_mut().unwrap().iter_mut().next().unwrap();
            let rest = wanted["Keys"].as_array_mut().unwrap().split_off(1);
            if !rest.is_empty() {
                let mut left = wanted.clone();
                left["Keys"] = json!(rest);
                unprocessed = Some(json!({ table: left }));
            }
        }
        if user.is_some() && operation != "DescribeTable" {
            body["ReturnConsumedCapacity"] = json!("INDEXES");
            let body = body.to_string();
            request.headers_mut().insert("content-length", body.len().to_string());
            *request.body_mut() = SdkBody::from(body);
        }
        let under_way = self.at_once.acquire().await;
        let mut response = self.inner.call(request).await?;
        let body = std::mem::replace(response.body_mut(), SdkBody::empty());
        let bytes =
            ByteStream::new(body).collect().await.map_err(|e| ConnectorError::other(e.into(), None))?;
        let bytes = bytes.into_bytes();
        drop(under_way);
        if let Some(user) = user {
            self.note_units(&user, units(&serde_json::from_slice(&bytes).unwrap_or_default()));
        }
        match fault {
            Some(Fault::FailedAfter) => return Ok(error(500, "InternalServerError")),
            Some(Fault::Lost) => return Err(ConnectorError::timeout("no answer".into())),
            Some(Fault::Late(milliseconds)) => sleep(Duration::from_millis(milliseconds)).await,
            _ => {}
        }
        if let Some(unprocessed) = unprocessed {
            let mut body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            body["UnprocessedKeys"] = unprocessed;
            let body = body.to_string();
            response.headers_mut().insert("content-length", body.len().to_string());
            response.headers_mut().remove("x-amz-crc32");
            *response.body_mut() = SdkBody::from(body);
            return Ok(response);
        }
        *response.body_mut() = SdkBody::from(bytes);
        Ok(response)
    }

    fn note_units(&self, user: &str, units: f64) {
        let mut lines = self.lines.lock().unwrap();
        if let Some(call) = lines.get_mut(user).and_then(|line| line.calls.last_mut()) {
            call.units = units;
        }
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().relay(request))
    }
}

/// The user whose partition a request is about, or the month in the metrics table: the first partition key in it.
fn user_of(body: &Value) -> Option<String> {
    let text = body.to_string();
    let marker = ["USER#", "MONTH#"].into_iter().find(|marker| text.contains(marker))?;
    let start = text.find(marker)? + marker.len();
    let end = text[start..].find('"')?;
    Some(text[start..start + end].to_owned())
}

fn units(body: &Value) -> f64 {
    match &body["ConsumedCapacity"] {
        Value::Array(tables) => tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum(),
        table => table["CapacityUnits"].as_f64().unwrap_or_default(),
    }
}

fn error(status: u16, name: &str) -> HttpResponse {
    let body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "injected" });
    answer(status, &body.to_string())
}

fn cancelled(codes: &[&str]) -> HttpResponse {
    let reasons: Vec<Value> =
        codes.iter().map(|code| json!({ "Code": code, "Message": "injected" })).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "injected",
        "CancellationReasons": reasons,
    });
    answer(400, &body.to_string())
}

fn answer(status: u16, body: &str) -> HttpResponse {
    let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response.headers_mut().insert("x-amzn-requestid", "MADEUPBYTHEWIRE");
    response
}
