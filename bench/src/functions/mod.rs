//! What Lambda sees of a function: how long it takes to start, what its first and its later invocations take, its memory
//! and its size; beside floors that are measured in turns with it, and what the defaults come to.

mod figures;
mod floor;
mod run;
mod sizes;
mod stage;
mod start;
mod subject;
mod tables;

use std::{fs, io::Write, path::PathBuf, time::Duration};

use anyhow::Result;
use clap::Args;

pub use self::start::{StartSetup, start};
use self::{
    figures::Figures,
    run::{Share, silence},
    sizes::Size,
    stage::Stage,
    subject::Subject,
};

/// What stands beside the functions: what a function and a call take at the least, and what is to be beaten.
const HELLO_WORLD: &str = "(hello world)";
const UPDATE: &str = "(bare update)";
const DEFAULTS: &str = "(heartbeat, all defaults)";

/// What is measured, and how often.
#[derive(Args, Clone, Debug)]
pub struct FunctionsSetup {
    /// The functions
    #[arg(default_values = ["heartbeat", "login", "list-sessions", "session-metrics"])]
    pub names: Vec<String>,
    /// Where their binaries are, as NAME or NAME/bootstrap
    #[arg(long, value_name = "DIR", default_value = "target/lambda")]
    pub binaries: PathBuf,
    /// The heartbeat with all defaults; left out where there is no such file
    #[arg(long, value_name = "FILE", default_value = "bench/defaults/target/lambda/defaults/bootstrap")]
    pub defaults: PathBuf,
    /// How often each is started, in turns, at each amount of CPU
    #[arg(long, value_name = "COUNT", default_value_t = 15)]
    pub rounds: u32,
    /// How many warm invocations each start has
    #[arg(long, value_name = "COUNT", default_value_t = 40)]
    pub warm: u32,
    /// Whose shares of a CPU the functions get, after the whole one
    #[arg(long, value_name = "MB", value_delimiter = ',', default_values_t = [128, 256, 1_769])]
    pub memory: Vec<u32>,
    /// Also what an invocation takes when the function was frozen for so long before it
    #[arg(long, value_name = "SECONDS")]
    pub silence: Option<u64>,
    /// The file to write all figures to, in JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Measures, and prints tables in Markdown.
pub async fn functions(setup: &FunctionsSetup, out: &mut dyn Write) -> Result<()> {
    let stage = Stage::set().await?;
    let binaries = &setup.binaries;
    let mut subjects = vec![stage.hello_world(binaries).await?, stage.update(binaries).await?];
    for name in &setup.names {
        subjects.push(stage.function(name, binaries).await?);
    }
    if setup.defaults.is_file() {
        subjects.push(stage.defaults(&setup.defaults, binaries).await?);
    }
    let shares = [Share::Whole].into_iter().chain(setup.memory.iter().copied().map(Share::OfMemory));
    let mut figures = Figures::default();
    for share in shares {
        for _ in 0..setup.rounds {
            for subject in &subjects {
                figures.add(share, &subject.name, run::run(subject, share, setup.warm).await?);
            }
        }
        if let Some(seconds) = setup.silence {
            let silent: Vec<&Subject> = subjects.iter().filter(|subject| subject.is_function()).collect();
            for (name, times) in silence(&silent, share, setup.rounds, Duration::from_secs(seconds)).await? {
                figures.add_silent(share, &name, times);
            }
        }
    }
    let sizes = subjects.iter().map(|subject| Size::of(&subject.name, &subject.program));
    let sizes = sizes.collect::<Result<Vec<_>>>()?;
    write!(out, "{}", tables::markdown(&figures, &sizes))?;
    if let Some(file) = &setup.json {
        fs::write(file, format!("{:#}\n", tables::json(&figures, &sizes)))?;
    }
    Ok(())
}
