//! What is measured: programs that keep sessions alive, and one that does nothing.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use local::{Options, Storage};
use reqwest::{Client, Response, Url, header::SET_COOKIE};
use serde_json::Value;
use tokio::process::Command;

use super::child::Measured;

/// The local server's name in tables.
pub(super) const OURS: &str = "User Sessions";

/// Users who log in at once before the load begins.
const AT_ONCE: usize = 16;

/// Where the programs are.
#[derive(Args, Clone, Debug)]
pub struct Programs {
    /// The local server's program
    #[arg(long, value_name = "FILE", default_value = "target/server/local")]
    pub server: PathBuf,
    /// A folder for the server's data, which must not be there yet [default: in memory]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Users, each with a token and a session of their own
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    pub users: usize,
}

/// A program that runs, and the requests to send it.
pub(super) struct App {
    pub(super) name: &'static str,
    pub(super) process: Measured,
    pub(super) address: SocketAddr,
    pub(super) requests: Arc<Vec<Vec<u8>>>,
    /// What it needs beside it.
    _engine: Option<Measured>,
}

/// The local server, with users who have logged in. Each heartbeat is for one of them.
pub(super) async fn ours(programs: &Programs) -> Result<App> {
    ensure!(
        programs.server.is_file(),
        "there is no {}: build it with `cargo build --profile server -p local`",
        programs.server.display()
    );
    let mut command = Command::new(&programs.server);
    command.args(["--port", "0"]);
    if let Some(data) = &programs.data {
        command.arg("--data").arg(data);
    }
    let url = |line: &str| line.strip_prefix("User Sessions is at ")?.split(' ').next()?.parse::<Url>().ok();
    let (process, url) = Measured::start(command, url).await?;
    let http = client()?;
    let request = async |user: usize| -> Result<Vec<u8>> {
        let form = [("grant_type", "password"), ("username", &*format!("bench-{user}")), ("password", "x")];
        let tokens = answer(http.post(url.join("/oauth2/token")?).form(&form).send().await?).await?;
        let token = tokens["access_token"].as_str().context("no token")?;
        let login = http.post(url.join("/auth/login")?).bearer_auth(token).send().await?;
        let body = answer(login).await?;
        let id = body["body"]["sessionId"].as_str().context("no session")?;
        let path = format!("/user-sessions/heartbeat/{id}");
        Ok(post(&url, &path, &format!("authorization: Bearer {token}")))
    };
    let requests = for_each(programs.users, request).await?;
    let address = SocketAddr::from(([127, 0, 0, 1], url.port().context("a URL without a port")?));
    Ok(App { name: OURS, process, address, requests, _engine: None })
}

/// A program of one route that answers nothing.
pub(super) async fn empty(programs: &Programs) -> Result<App> {
    let program = std::env::current_exe()?.with_file_name("bench-empty-route");
    let (process, port) = Measured::start(Command::new(&program), |line| line.parse().ok()).await?;
    let url = format!("http://localhost:{port}").parse()?;
    let requests = (0..programs.users).map(|_| post(&url, "/", "accept: */*")).collect();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Ok(App { name: "an empty route", process, address, requests: Arc::new(requests), _engine: None })
}

/// `express-session` with its store in DynamoDB, before an engine of its own.
pub(super) async fn express(programs: &Programs, folder: &Path) -> Result<App> {
    ensure!(
        folder.join("node_modules").is_dir(),
        "there is no {}: run `npm ci` in {}",
        folder.join("node_modules").display(),
        folder.display()
    );
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("engine");
    let (engine, engine_url) = Measured::start(command, |line| line.parse::<Url>().ok()).await?;
    let mut command = Command::new("node");
    command.arg(folder.join("server.mjs")).env("ENGINE_URL", engine_url.as_str());
    command.env("NODE_ENV", "production");
    let (process, port) = Measured::start(command, |line| line.parse::<u16>().ok()).await?;
    let url: Url = format!("http://localhost:{port}").parse()?;
    let http = client()?;
    let request = async |user: usize| -> Result<Vec<u8>> {
        let login = http.post(url.join("/login")?).header("x-user", format!("bench-{user}")).send().await?;
        let cookie = login.headers().get(SET_COOKIE).context("no cookie")?.to_str()?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        answer(login).await?;
        Ok(post(&url, "/heartbeat", &format!("cookie: {cookie}")))
    };
    // Its store makes the table with the first request, and its process ends where two find none.
    request(0).await?;
    let requests = for_each(programs.users, request).await?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Ok(App { name: "express-session", process, address, requests, _engine: Some(engine) })
}

/// Runs the embedded engine behind HTTP, and tells its URL.
pub async fn engine(out: &mut dyn std::io::Write) -> Result<()> {
    let storage = Storage::in_memory(&Options::default()).await?;
    writeln!(out, "{}", storage.url)?;
    Ok(tokio::signal::ctrl_c().await?)
}

fn client() -> Result<Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Client::builder().build()?)
}

async fn answer(response: Response) -> Result<Value> {
    Ok(response.error_for_status()?.json().await?)
}

async fn for_each(
    users: usize,
    request: impl AsyncFn(usize) -> Result<Vec<u8>>,
) -> Result<Arc<Vec<Vec<u8>>>> {
    let requests = stream::iter(0..users).map(|user| request(user)).buffer_unordered(AT_ONCE);
    Ok(Arc::new(requests.try_collect().await?))
}

/// A request as it goes over the connection.
fn post(url: &Url, path: &str, header: &str) -> Vec<u8> {
    let host = url.authority();
    format!("POST {path} HTTP/1.1\r\nhost: {host}\r\n{header}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}
