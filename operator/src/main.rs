//! `cargo run -p operator`: the commands, on a deployment that the command line tells of.

use std::{env, process::ExitCode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    operator::program::run(env::args_os()).await
}
