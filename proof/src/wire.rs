//! Requests and answers as they go over a connection.

use std::{fmt, net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::time::timeout;

/// The gateway lets a function run for half a minute.
const PATIENCE: Duration = Duration::from_secs(40);

/// An answer that came whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("no JSON: {self}"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = &self.body[..self.body.len().min(400)];
        write!(f, "{} {}", self.status, String::from_utf8_lossy(body))
    }
}

/// A connection that sends its requests one after the other.
pub(crate) struct Connection(bench::connection::Connection);

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        Ok(Self(bench::connection::Connection::open(address).await?))
    }

    /// Sends it, and reads the answer to its end. After an error the connection is of no use.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<Answer> {
        let answer = timeout(PATIENCE, self.0.call(request)).await.context("no answer in time")?;
        let (status, body) = answer?;
        Ok(Answer { status, body: body.to_vec() })
    }
}

/// A request with a body, which may be empty, and further header lines.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// The header line of a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}
