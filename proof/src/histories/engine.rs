//! The engine of a round, and the plain way to it, which nothing disturbs.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use dynoxide::Database;
use local::{Options, Storage, ask_engine};
use reqwest::Url;
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
                Ok(match ask_engine(database, operation, &body) {
                    Ok(body) => Answer { status: 200, body: body.into_bytes() },
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
