//! The program `operator`: what a command needs to know of a deployment comes from arguments, environment variables or a
//! stack's outputs.

mod check;
mod chosen;
mod connection;
mod help;
mod setting;
mod stack;

use std::{ffi::OsString, io, process::ExitCode};

use anyhow::Result;
use clap::{ArgMatches, FromArgMatches, error::ErrorKind};
use shared::{logging, settings::SettingsError};

use self::{
    chosen::{Chosen, Unusable},
    connection::Aws,
    setting::{Setting, text},
};
use crate::Command;

/// Runs the program with these arguments, the first of which is its name. See `--help` for the exit codes.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = match help::program().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        // A region in the environment counts as an argument, so clap does not see that there are none.
        Err(told) if told.kind() == ErrorKind::MissingSubcommand => {
            let _ = help::program().print_help();
            return ExitCode::from(2);
        }
        Err(told) => {
            // Where nobody reads, nobody misses it.
            let _ = told.print();
            return if told.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    match attempt(&matches).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            if error.is::<Unusable>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

async fn attempt(matches: &ArgMatches) -> Result<()> {
    logging::start(logging::Format::Text, [env!("CARGO_CRATE_NAME")])
        .map_err(|error| Unusable(error.to_string()))?;
    let stack = text(matches, "stack");
    if let Some(arguments) = matches.subcommand_matches(check::NAME) {
        return check::run(matches, arguments, stack).await;
    }
    let command = Command::from_arg_matches(matches)?;
    let mut chosen = Chosen::given(matches, Setting::needed_by(&command), stack);
    if stack.is_none() {
        chosen.check_complete()?;
    }
    let aws = Aws::load(matches).await?;
    if let Some(name) = stack.filter(|_| !chosen.is_complete()) {
        chosen.complete(name, &stack::describe(name, &aws).await?.outputs)?;
    }
    chosen.tell();
    let deployment = aws.deployment(chosen.settings());
    let done = command.run(&deployment, &mut io::stdout()).await;
    done.map_err(|error| match error.downcast_ref::<SettingsError>() {
        Some(SettingsError::Invalid { name, expected, value }) => chosen.unusable(name, expected, value),
        _ => error,
    })
}
