//! `cargo run`: the local server.

use std::{collections::HashMap, env, future::poll_fn, io, net::IpAddr, path::PathBuf, pin::pin, task::Poll};

use anyhow::{Result, ensure};
use clap::Parser;
use local::{AUDIENCE, HostName, Options, Origin, Provider, Server, Storage, functions, sample::Sample};
use operator::Command;
use reqwest::Url;
use shared::logging;

/// A heartbeat allocates and frees hundreds of times, on the threads that serve and on the engine's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The whole User Sessions API on this machine.
///
/// SESSION_TIMEOUT_SECONDS, SESSION_RETENTION_DAYS, SESSIONS_TABLE and LOG_USER_ID in the environment win over the
/// template's values; LOG_LEVEL=debug shows heartbeats.
#[derive(Parser)]
#[command(version)]
#[expect(clippy::doc_markdown, reason = "clap shows these comments as they are")]
struct Arguments {
    /// Port to listen on; 0 picks one
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Address to listen on, which others then reach: 0.0.0.0 in a container [default: the loopback's]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<IpAddr>,
    /// Start no server, and say by the exit code whether the one at --port answers
    #[arg(long)]
    healthcheck: bool,
    /// Folder to keep the data in [default: in memory, gone when the server ends]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Fill the tables with a year of made-up sessions, through the real rollup, before serving; they must be empty
    #[arg(long, conflicts_with = "dynamodb")]
    sample_data: bool,
    /// Another DynamoDB than the embedded one: an engine on this machine, or AWS with the usual credentials
    #[arg(long, global = true, value_name = "URL", conflicts_with = "data")]
    dynamodb: Option<Url>,
    /// Accept the tokens of this OpenID Connect issuer, and do not start the development identity provider
    #[arg(long, value_name = "URL", requires = "audience")]
    issuer: Option<String>,
    /// An audience that tokens of --issuer may be for; may be repeated
    #[arg(long, requires = "issuer")]
    audience: Vec<String>,
    /// Answer pages of this origin too, and not of this machine alone; may be repeated
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<Origin>,
    /// Answer to this host name too, and not to the loopback's alone; may be repeated
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<HostName>,
    /// The SAM template that says which routes, functions and tables there are [default: the one that is built in]
    #[arg(long, global = true, value_name = "FILE")]
    template: Option<PathBuf>,
    /// A parameter of the template, as `sam deploy --parameter-overrides` takes it; may be repeated
    #[arg(long = "parameter", global = true, value_name = "NAME=VALUE", value_parser = pair)]
    parameters: Vec<(String, String)>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.healthcheck {
        return local::healthcheck(arguments.port).await;
    }
    let own = [env!("CARGO_CRATE_NAME"), "operator"].map(str::to_owned);
    logging::start(logging::Format::Text, functions::crate_names().chain(own))?;
    let options = Options {
        port: arguments.port,
        listen: arguments.listen,
        template: arguments.template,
        parameters: arguments.parameters.into_iter().collect(),
        data: arguments.data,
        dynamodb: arguments.dynamodb,
        // It needs tokens for anybody.
        demo: arguments.issuer.is_none(),
        provider: arguments.issuer.map(|issuer| Provider { issuer, audiences: arguments.audience }),
        allow_origins: arguments.allow_origin,
        allow_hosts: arguments.allow_host,
        environment: environment(),
        sample: arguments.sample_data.then(Sample::default),
        ..Options::default()
    };
    if let Some(command) = arguments.command {
        ensure!(
            options.sample.is_none(),
            "--sample-data is for a server: a command works on the data that is there"
        );
        return operate(command, &options).await;
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

/// Runs an operator's command on the data of a server that does not run.
async fn operate(command: Command, options: &Options) -> Result<()> {
    let storage = Storage::open(options).await?;
    if command.reads_metrics() {
        storage.apply_stream(&options.clock).await?;
    }
    command.run(&storage.deployment(&options.clock)?, &mut io::stdout()).await
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
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
        if self.issuer.is_none() {
            println!("  demo    {url}/, to look at in a browser");
        }
        println!("  pages   {url}/dashboard and {url}/docs ({url}/openapi.json for programs)");
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
