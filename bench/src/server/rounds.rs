//! Rounds of load, in each of which everything has its turn: figures of one round were made under the same conditions.

use std::{fs, io::Write, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::{
    apps::{self, App, Programs},
    floor,
    load::{Load, Outcome, Until},
    table::{Figures, Row, Table},
};

/// How the rounds are to be.
#[derive(Args, Clone, Debug)]
pub struct Rounds {
    #[command(flatten)]
    programs: Programs,
    /// Connections that call at once; several numbers by commas
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_values_t = [1, 16, 64, 256, 512])]
    connections: Vec<usize>,
    /// Rounds, of which the medians are shown
    #[arg(long = "rounds", value_name = "COUNT", default_value_t = 3)]
    count: usize,
    /// How long each has its turn
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    seconds: u64,
    /// How long the server is watched while nobody calls it
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    idle: u64,
    /// The folder of the program that it is compared with, where `npm ci` has been run
    #[arg(long, value_name = "DIR")]
    express: Option<PathBuf>,
    /// Where the figures go as JSON too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, and prints the figures as Markdown.
pub async fn rounds(setup: &Rounds, out: &mut dyn Write) -> Result<()> {
    let time = Duration::from_secs(setup.seconds);
    let mut apps = vec![apps::ours(&setup.programs).await?, apps::empty(&setup.programs).await?];
    if let Some(folder) = &setup.express {
        apps.push(apps::express(&setup.programs, folder).await?);
    }
    let at_rest = apps[0].process.at_rest(Duration::from_secs(setup.idle)).await?;
    let mut table = Table::default();
    for _ in 0..setup.count {
        table.floor(floor::updates(setup.programs.users, time).await?);
        for &connections in &setup.connections {
            for app in &apps {
                let figures = measured(app, connections, Until::Time(time)).await?;
                table.add(Row { app: app.name, connections }, figures);
            }
        }
    }
    table.write(at_rest, out)?;
    if let Some(file) = &setup.json {
        let text = serde_json::to_string_pretty(&table.json(at_rest))?;
        fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

/// What a program does under so many callers.
pub(super) async fn measured(app: &App, connections: usize, until: Until) -> Result<Figures> {
    let before = app.process.cpu()?;
    let load = Load { address: app.address, requests: app.requests.clone(), connections, until };
    let outcome = load.send().await?;
    let cpu = app.process.cpu_since(before)?;
    figures(&outcome, cpu, app.process.memory()?)
        .with_context(|| format!("{} at {connections} connections", app.name))
}

fn figures(outcome: &Outcome, cpu: Duration, memory: u64) -> Result<Figures> {
    let requests = u32::try_from(outcome.latencies.len())?;
    let first = || outcome.error.clone().unwrap_or_default();
    ensure!(requests > 0, "no request was answered: {}", first());
    Ok(Figures {
        per_second: outcome.per_second(),
        p50: outcome.percentile(500),
        p99: outcome.percentile(990),
        cpu: (cpu / requests).as_secs_f64() * 1_000.0,
        memory,
        errors: outcome.errors,
    })
}
