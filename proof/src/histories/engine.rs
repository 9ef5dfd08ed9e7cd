//! The engine of a round, and the plain way to it, which nothing disturbs.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use dynoxide::{Database, DynoxideError};
use local::{Options, Storage};
use reqwest::Url;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The embedded engine, called by way of its library, or one that listens somewhere.
pub(super) enum Engine {
    Embedded {
        database: Database,
        /// A second writer would be refused, and not wait.
        turn: Mutex<()>,
        /// It lives as long as this.
        _storage: Box<Storage>,
    },
    At {
        url: Url,
        http: reqwest::Client,
    },
}

/// What an engine answers.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Another engine wants to be told who asks, and takes any.
const ANYBODY: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, \
                       SignedHeaders=host, Signature=0";

impl Engine {
    /// A new embedded engine with the tables of `options`, or that of their URL as it is.
    pub(super) async fn start(options: &Options) -> Result<Self> {
        if let Some(url) = &options.dynamodb {
            return Ok(Self::At { url: url.clone(), http: reqwest::Client::new() });
        }
        let storage = Box::new(Storage::in_memory(options).await?);
        let database = storage.database().context("the embedded engine has no database")?.clone();
        Ok(Self::Embedded { database, turn: Mutex::default(), _storage: storage })
    }

    /// Its answer to a call: `target` is the value of the header `X-Amz-Target`.
    pub(super) async fn answer(&self, target: &str, body: Vec<u8>) -> Result<Answer, reqwest::Error> {
        match self {
            Self::Embedded { database, turn, .. } => {
                let operation = target.rsplit('.').next().unwrap_or_default();
                let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(match run(database, operation, &body) {
                    Ok(body) => Answer { status: 200, body },
                    Err(error) => Answer { status: error.status_code(), body: error.to_json().into_bytes() },
                })
            }
            Self::At { url, http } => {
                let request = http.post(url.clone()).header("x-amz-target", target);
                let request = request.header("content-type", "application/x-amz-json-1.0");
                let answer = request.header("authorization", ANYBODY).body(body).send().await?;
                let status = answer.status().as_u16();
                Ok(Answer { status, body: answer.bytes().await?.to_vec() })
            }
        }
    }

    /// The same in JSON; what is not answered as wished is an error.
    pub(super) async fn ask(&self, target: &str, body: &Value) -> Result<Value> {
        let Answer { status, body } = self
            .answer(target, serde_json::to_vec(body)?)
            .await
            .with_context(|| format!("calling {target}"))?;
        ensure!(status == 200, "{target} is answered {status}: {}", String::from_utf8_lossy(&body));
        Ok(serde_json::from_slice(&body)?)
    }
}

fn run(database: &Database, operation: &str, body: &[u8]) -> Result<Vec<u8>, DynoxideError> {
    match operation {
        "BatchGetItem" => of(body, |request| database.batch_get_item(request)),
        "CreateTable" => of(body, |request| database.create_table(request)),
        "DescribeStream" => of(body, |request| database.describe_stream(request)),
        "DescribeTable" => of(body, |request| database.describe_table(request)),
        "GetItem" => of(body, |request| database.get_item(request)),
        "GetRecords" => of(body, |request| database.get_records(request)),
        "GetShardIterator" => of(body, |request| database.get_shard_iterator(request)),
        "PutItem" => of(body, |request| database.put_item(request)),
        "Query" => of(body, |request| database.query(request)),
        "Scan" => of(body, |request| database.scan(request)),
        "TransactWriteItems" => of(body, |request| database.transact_write_items(request)),
        "UpdateItem" => of(body, |request| database.update_item(request)),
        "UpdateTimeToLive" => of(body, |request| database.update_time_to_live(request)),
        _ => Err(DynoxideError::ValidationException(format!("{operation} is not called here"))),
    }
}

fn of<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    run: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<Vec<u8>, DynoxideError> {
    let request = serde_json::from_slice(body)
        .map_err(|cause| DynoxideError::SerializationException(cause.to_string()))?;
    let answer = run(request)?;
    serde_json::to_vec(&answer).map_err(|cause| DynoxideError::InternalServerError(cause.to_string()))
}
