//! Whether a server answers, for the health check of a container: its image has no other program that could ask.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// For connection and answer together.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the server at this port of this machine for the API's document, which is there whoever signs users in.
pub async fn healthcheck(port: u16) -> Result<()> {
    let status = timeout(PATIENCE, status_of(port)).await??;
    ensure!(status.starts_with(b"HTTP/1.0 200 "), "the answer begins with {}", status.escape_ascii());
    Ok(())
}

/// By hand: an HTTP client would set up TLS first.
async fn status_of(port: u16) -> Result<Vec<u8>> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
    connection.write_all(b"GET /openapi.json HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
    let mut status = Vec::new();
    connection.take(13).read_to_end(&mut status).await?;
    Ok(status)
}
