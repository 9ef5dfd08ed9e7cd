//! Requests and answers as they go over a connection.

use std::{fmt, net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// More than any head of the server's has.
const HEADERS: usize = 64;

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
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4_096) })
    }

    /// Sends it, and reads the answer to its end. After an error the connection is of no use.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<Answer> {
        timeout(PATIENCE, self.try_to_call(request)).await.context("no answer in time")?
    }

    async fn try_to_call(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the connection was closed");
            }
            if let Some((status, head, length)) = whole(&self.buffer)? {
                ensure!(self.buffer.len() == length, "more came than was asked for");
                return Ok(Answer { status, body: self.buffer[head..].to_vec() });
            }
        }
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

/// Status, length of the head, and length of all of the answer that the buffer has, if it is whole.
fn whole(buffer: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(buffer)? else { return Ok(None) };
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.context("an answer without a length")?.value;
    let length: usize = str::from_utf8(length)?.parse()?;
    let status = response.code.context("no status")?;
    Ok((buffer.len() >= head + length).then_some((status, head, head + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        for length in 0..answer.len() {
            assert_eq!(whole(&answer[..length]).unwrap(), None);
        }
        assert_eq!(whole(answer).unwrap(), Some((200, answer.len() - 2, answer.len())));
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
