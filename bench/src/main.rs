//! `cargo run --profile server -p bench`: the functions' binaries in limits like Lambda's, and the local server under load.

use std::io;

use anyhow::Result;
use bench::{
    functions::{FunctionsSetup, StartSetup, functions, start},
    instructions::{self, count},
    scenarios::{Setup, end_others, list, login},
    server::{Endurance, Rounds, endurance, engine, rounds},
};
use clap::{Parser, Subcommand};

/// Runs functions' binaries in limits like Lambda's, puts the local server under load, or counts instructions.
///
/// It prints what it sees, and fails if something did not hold. bench/README.md says how to read it.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// Measure what Lambda sees of functions, beside floors
    Functions(FunctionsSetup),
    /// Start each function once, over TLS, and look at its size
    Start(StartSetup),
    /// End all sessions but one, again and again until it is done
    EndOthers(Setup),
    /// List the sessions
    List(Setup),
    /// Log in until there are no more sessions than the limit
    Login {
        #[command(flatten)]
        setup: Setup,
        /// The most live sessions that a user may have, as the function is told
        #[arg(long, value_name = "COUNT", default_value_t = 100)]
        limit: usize,
    },
    /// Count the instructions of a heartbeat, a login, a list and a stream record
    Instructions(instructions::Options),
    /// Heartbeats through the local server, beside the engine alone, an empty route and express-session
    Server(Rounds),
    /// Whether the local server stays as fast and as small as it was at first
    Endurance(Endurance),
    /// Only the embedded engine, behind HTTP
    #[command(hide = true)]
    Engine,
}

#[tokio::main]
async fn main() -> Result<()> {
    let out = &mut io::stdout();
    match Arguments::parse().scenario {
        Scenario::Functions(setup) => functions(&setup, out).await,
        Scenario::Start(setup) => start(&setup, out).await,
        Scenario::EndOthers(setup) => end_others(&setup, out).await,
        Scenario::List(setup) => list(&setup, out).await,
        Scenario::Login { setup, limit } => login(&setup, limit, out).await,
        Scenario::Instructions(options) => count(&options, out),
        Scenario::Server(setup) => rounds(&setup, out).await,
        Scenario::Endurance(setup) => endurance(&setup, out).await,
        Scenario::Engine => engine(out).await,
    }
}
