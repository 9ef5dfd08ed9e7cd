//! `cargo run`: the local server.

use std::{collections::HashMap, env, future::poll_fn, io, path::PathBuf, pin::pin, task::Poll};

use anyhow::{Context, Result, ensure};
use chrono::NaiveDate;
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use local::{
    AUDIENCE, Options, Provider, Server, Storage,
    recount::{Comparison, Difference, Fewer, Recount},
    user::{Erased, UserItems},
};
use reqwest::Url;
use shared::{logging, metrics::calendar::Range};

/// The whole User Sessions API on this machine.
///
/// SESSION_TIMEOUT_SECONDS, SESSION_RETENTION_DAYS, SESSIONS_TABLE and LOG_USER_ID in the environment win over the
/// template's values; LOG_LEVEL=debug shows heartbeats.
#[derive(Parser)]
#[command(version)]
#[expect(clippy::doc_markdown, reason = "clap shows these comments as they are")]
struct Arguments {
    /// Port to listen on, on the loopback address only; 0 picks one
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Folder to keep the data in [default: in memory, gone when the server ends]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Another DynamoDB than the embedded one: an engine on this machine, or AWS with the usual credentials
    #[arg(long, global = true, value_name = "URL", conflicts_with = "data")]
    dynamodb: Option<Url>,
    /// Accept the tokens of this OpenID Connect issuer, and do not start the development identity provider
    #[arg(long, value_name = "URL", requires = "audience")]
    issuer: Option<String>,
    /// An audience that tokens of --issuer may be for; may be repeated
    #[arg(long, requires = "issuer")]
    audience: Vec<String>,
    /// The SAM template that says which routes, functions and tables there are [default: the one that is built in]
    #[arg(long, global = true, value_name = "FILE")]
    template: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Count the sessions themselves, and tell where the metrics differ
    ///
    /// Sessions that were purged or erased are out of its reach, so it looks at the days within retention only. A day on
    /// which sessions are live may differ for the moment that a change is on its way.
    Recount {
        /// Put what the sessions of one day add up to in the place of its metrics
        ///
        /// The day must be settled: within retention, and its sessions inactive for longer than the timeout and 48 hours.
        #[arg(long, requires = "day")]
        repair: bool,
        /// The day, like 2026-01-31
        #[arg(long, requires = "repair")]
        day: Option<NaiveDate>,
        /// Also where the sessions table has fewer sessions of the day than its metrics
        #[arg(long, requires = "repair")]
        allow_fewer: bool,
    },
    /// Write all that is stored of a user, one JSON object a line
    Export {
        /// The user's `sub`
        #[arg(allow_hyphen_values = true)]
        sub: String,
    },
    /// Delete all that is stored of a user
    ///
    /// It can be interrupted and run again, and tells what is left. A user who goes on sending heartbeats gets new sessions,
    /// so close the account at the identity provider first. Metrics keep their anonymous counts; point-in-time recovery
    /// keeps what was erased for up to 35 days.
    Erase {
        /// The user's `sub`
        #[arg(allow_hyphen_values = true)]
        sub: String,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    logging::start(logging::Format::Text)?;
    let options = Options {
        port: arguments.port,
        template: arguments.template,
        data: arguments.data,
        dynamodb: arguments.dynamodb,
        provider: arguments.issuer.map(|issuer| Provider { issuer, audiences: arguments.audience }),
        environment: environment(),
        ..Options::default()
    };
    match arguments.command {
        Some(Command::Recount { day, allow_fewer, .. }) => {
            let fewer = if allow_fewer { Fewer::Allowed } else { Fewer::Refused };
            return recount(&options, day, fewer).await;
        }
        Some(Command::Export { sub }) => return export(&options, &sub).await,
        Some(Command::Erase { sub }) => return erase(&options, &sub).await,
        None => {}
    }
    let page = Page::of(&options);
    let server = Server::start(options).await?;
    // Listened for from its first poll on, and so before the page tells anybody of Ctrl-C.
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    if let Poll::Ready(outcome) = poll_fn(|context| Poll::Ready(interrupted.as_mut().poll(context))).await {
        return Ok(outcome?);
    }
    page.print(&server);
    Ok(interrupted.await?)
}

#[expect(clippy::print_stdout, reason = "this is for the person who asked")]
async fn recount(options: &Options, day: Option<NaiveDate>, fewer: Fewer) -> Result<()> {
    let storage = Storage::open(options).await?;
    storage.apply_stream(&options.clock).await?;
    let recount = Recount::new(&storage.template, storage.client.clone(), &options.clock)?;
    println!("{}", recount.settings());
    let bar = ProgressBar::new_spinner()
        .with_style(ProgressStyle::with_template("{spinner} {human_pos} items read, {per_sec}, {elapsed}")?);
    let progress = |items| bar.inc(items);
    if let Some(day) = day {
        let counts = recount.repair(day, fewer, progress).await?;
        bar.finish_and_clear();
        println!("{day} is now as its sessions say: {counts}");
        return Ok(());
    }
    let Comparison { differences, skipped } = recount.compare(progress).await?;
    bar.finish_and_clear();
    let Range { first, last } = recount.within_retention();
    println!(
        "{} items read; days from {first} to {last}, sessions that were purged or erased not among them",
        bar.position()
    );
    if skipped > 0 {
        println!("{skipped} of them are no items of this service and were left out; the log tells more");
    }
    for Difference { day, rows, sessions } in &differences {
        println!("{day} differs\n  metrics   {rows}\n  sessions  {sessions}");
    }
    let days = differences.len();
    ensure!(days == 0, "{days} days differ. --repair --day DAY mends one that is settled.");
    println!("Metrics and sessions agree.");
    Ok(())
}

async fn export(options: &Options, sub: &str) -> Result<()> {
    let storage = Storage::open(options).await?;
    let items = UserItems::new(storage.client.clone(), storage.sessions_table()?, sub)?;
    let written = items.export(io::BufWriter::new(io::stdout().lock())).await?;
    // Not among the lines, which another program may read.
    eprintln!("{written} items");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is for the person who asked")]
async fn erase(options: &Options, sub: &str) -> Result<()> {
    let storage = Storage::open(options).await?;
    let items = UserItems::new(storage.client.clone(), storage.sessions_table()?, sub)?;
    let bar = ProgressBar::new_spinner().with_style(ProgressStyle::with_template(
        "{spinner} {human_pos} items deleted, {per_sec}, {elapsed}",
    )?);
    let erased = items.erase(|deleted| bar.inc(deleted)).await;
    bar.finish_and_clear();
    let so_far = || format!("{} items were deleted so far; run it again to go on", bar.position());
    let Erased { deleted, left } = erased.with_context(so_far)?;
    println!("{deleted} items deleted, {left} left");
    ensure!(
        left == 0,
        "the user was active meanwhile: close the account at the identity provider, then run it again"
    );
    Ok(())
}

/// The variables that are text and not empty: an empty one leaves the template's value.
fn environment() -> HashMap<String, String> {
    let texts = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    texts.filter(|(_, value)| !value.is_empty()).collect()
}

/// What a person reads when the server has started.
struct Page {
    data: String,
    issuer: Option<String>,
}

impl Page {
    fn of(options: &Options) -> Self {
        let data = match (&options.data, &options.dynamodb) {
            (_, Some(url)) => format!("in the DynamoDB at {url}"),
            (Some(folder), None) => format!("in {}", folder.display()),
            (None, None) => "in memory, gone when the server ends (--data DIR keeps it)".to_owned(),
        };
        Self { data, issuer: options.provider.as_ref().map(|provider| provider.issuer.clone()) }
    }

    #[expect(clippy::print_stdout, reason = "this is for the person who started it")]
    fn print(&self, Server { url, .. }: &Server) {
        println!("User Sessions is at {url} (Ctrl-C ends it)");
        println!("  data    {}", self.data);
        if let Some(issuer) = &self.issuer {
            println!("  tokens  from {issuer}");
        } else {
            println!("  tokens  from a provider for development, which lets anybody in as anybody:");
            println!(
                "          curl -s {url}/oauth2/token -d grant_type=password -d username=alice -d password=x"
            );
            println!("          (audience {AUDIENCE}; keys at {url}/.well-known/jwks.json)");
        }
    }
}
