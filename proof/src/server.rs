//! The local server's program, as a process of its own.

use std::{
    env,
    fs::{self, OpenOptions},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use form_urlencoded::Serializer;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::wire::{self, Connection};

/// It has started by then, on the slowest machine.
const START: Duration = Duration::from_mins(1);

/// The program, and what it is started with.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    file: PathBuf,
    arguments: Vec<String>,
    /// Its log lines are added to this file.
    log: PathBuf,
    ignores_file_size: bool,
}

/// One that has been started, and has not said yet where it is.
pub(crate) struct Starting {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// One that answers. It is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Program {
    /// The one in `file`, or else the one beside this program.
    pub(crate) fn find(file: Option<&Path>, log: PathBuf) -> Result<Self> {
        let file = match file {
            Some(file) => file.to_owned(),
            None => env::current_exe()?.with_file_name("local").with_extension(env::consts::EXE_EXTENSION),
        };
        ensure!(file.is_file(), "there is no {}: build it with `cargo build -p local`", file.display());
        Ok(Self { file: file.canonicalize()?, arguments: Vec::new(), log, ignores_file_size: false })
    }

    /// With these arguments too.
    pub(crate) fn with<A: Into<String>>(&self, arguments: impl IntoIterator<Item = A>) -> Self {
        let mut more = self.clone();
        more.arguments.extend(arguments.into_iter().map(Into::into));
        more
    }

    /// One that is not killed by the system when a file would become larger than it may be: writes are refused.
    pub(crate) fn ignoring_file_size(&self) -> Self {
        Self { ignores_file_size: true, ..self.clone() }
    }

    /// Starts a server, and waits until it answers.
    pub(crate) async fn start(&self) -> Result<Server> {
        self.spawn()?.ready().await.with_context(|| format!("its log is {}", self.log.display()))
    }

    /// Starts a server, and waits for nothing.
    pub(crate) fn spawn(&self) -> Result<Starting> {
        let mut command = self.command()?;
        let mut child = command.args(["--port", "0"]).spawn().context("starting the server")?;
        let lines = BufReader::new(child.stdout.take().context("there is no output")?).lines();
        Ok(Starting { child, lines })
    }

    /// Runs one of the program's commands to its end. What it printed is an error if it failed.
    pub(crate) async fn run(&self, command: &str) -> Result<String> {
        let output = self.command()?.arg(command).output().await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "`{command}` failed, see also {}:\n{text}", self.log.display());
        Ok(text)
    }

    fn command(&self) -> Result<Command> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("opening {}", self.log.display()))?;
        let mut command = Command::new(&self.file);
        if self.ignores_file_size {
            command = Command::new("/bin/sh");
            command.args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#]).arg(&self.file);
        }
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        command.kill_on_drop(true);
        Ok(command)
    }
}

impl Starting {
    /// Waits until it answers.
    pub(crate) async fn ready(mut self) -> Result<Server> {
        let port = timeout(START, self.port()).await.context("the server has not started")??;
        let Self { child, mut lines } = self;
        // Nobody reads the rest, and a full pipe would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Server { child, address: SocketAddr::from(([127, 0, 0, 1], port)) })
    }

    /// SIGKILL.
    pub(crate) async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    async fn port(&mut self) -> Result<u16> {
        while let Some(line) = self.lines.next_line().await? {
            let Some(rest) = line.strip_prefix("User Sessions is at ") else { continue };
            let port = rest.split(' ').next().and_then(|url| url.rsplit(':').next());
            return port.and_then(|port| port.parse().ok()).with_context(|| format!("no port in: {line}"));
        }
        bail!("the server ended before it answered: {}", self.child.wait().await?)
    }
}

impl Server {
    /// SIGKILL, and waits until it is gone.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// An access token of the provider for development; `form` is what is asked for beside it.
    pub(crate) async fn token(&self, user: &str, form: &[(&str, &str)]) -> Result<String> {
        let always = [("grant_type", "password"), ("password", "x"), ("username", user)];
        let body = Serializer::new(String::new()).extend_pairs(always).extend_pairs(form).finish();
        let headers = "content-type: application/x-www-form-urlencoded\r\n";
        let request = wire::request("POST", "/oauth2/token", headers, body.as_bytes());
        let answer = Connection::open(self.address).await?.call(&request).await?;
        ensure!(answer.status == 200, "no token: {answer}");
        let token = answer.json()?.get("access_token").and_then(Value::as_str).map(str::to_owned);
        token.context("no access token")
    }

    /// From here on none of its files becomes larger than so many bytes; without a number any size will do.
    pub(crate) async fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        let id = self.child.id().context("the server has ended")?.to_string();
        let bytes = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        let mut command = Command::new("prlimit");
        let status = command.args(["--pid", &id, &format!("--fsize={bytes}:")]).status().await;
        let status = status.context("prlimit")?;
        ensure!(status.success(), "prlimit: {status}");
        Ok(())
    }

    /// The memory that is resident now, in kB.
    pub(crate) fn memory(&self) -> Result<u64> {
        resident(self.child.id().context("the server has ended")?)
    }

    /// How many files and connections it has open.
    pub(crate) fn open_files(&self) -> Result<u64> {
        let id = self.child.id().context("the server has ended")?;
        Ok(fs::read_dir(format!("/proc/{id}/fd")).context("reading its open files")?.count() as u64)
    }
}

/// The memory of a process that is resident now, in kB.
pub(crate) fn resident(id: u32) -> Result<u64> {
    let file = format!("/proc/{id}/status");
    let text = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    line.trim().trim_end_matches(" kB").parse().context("VmRSS is no number")
}
