//! What a server of this kind costs that does nothing: one route, which answers at once.

use std::{io::Write, net::Ipv4Addr};

use anyhow::Result;
use axum::{Router, routing::post};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    Ok(axum::serve(listener, Router::new().route("/", post(async || ()))).await?)
}
