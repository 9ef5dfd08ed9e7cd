//! Whether the local server is as fast and as small after very many writes as it was at first.

use std::io::Write;

use anyhow::{Result, ensure};
use clap::Args;

use super::{
    apps::{self, Programs},
    load::Until,
    rounds::measured,
    table::Figures,
};

/// What is compared with each other: so many requests at first, and so many at the end.
const COMPARED: usize = 10_000;

/// How long it is to last.
#[derive(Args, Clone, Debug)]
pub struct Endurance {
    #[command(flatten)]
    programs: Programs,
    /// All requests
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    requests: usize,
    /// Connections that call at once
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    connections: usize,
    /// Lines that are printed on the way
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    lines: usize,
}

/// Sends them, and prints how rate and memory go.
pub async fn endurance(setup: &Endurance, out: &mut dyn Write) -> Result<()> {
    let app = apps::ours(&setup.programs).await?;
    let turn = async |requests: usize| measured(&app, setup.connections, Until::Requests(requests)).await;
    // The first of all are slower for other reasons: connections, caches.
    turn(COMPARED).await?;
    writeln!(out, "| Requests so far | Requests/s | p50 | p99 | Memory |\n|---|---|---|---|---|")?;
    let mut so_far = COMPARED;
    let mut line = |so_far: usize, figures: &Figures| {
        let Figures { per_second, p50, p99, memory, .. } = figures;
        let memory = memory / 1_024;
        writeln!(out, "| {so_far} | {per_second:.0} | {p50:.2} ms | {p99:.2} ms | {memory} MB |")
    };
    let first = turn(COMPARED).await?;
    so_far += COMPARED;
    line(so_far, &first)?;
    let (mut last, mut errors) = (first, first.errors);
    for _ in 0..setup.lines {
        let between = (setup.requests / setup.lines).saturating_sub(COMPARED);
        if between > 0 {
            errors += turn(between).await?.errors;
        }
        last = turn(COMPARED).await?;
        errors += last.errors;
        so_far += between + COMPARED;
        line(so_far, &last)?;
    }
    writeln!(
        out,
        "The last {COMPARED} were {:.2} times as fast as the first.",
        last.per_second / first.per_second
    )?;
    ensure!(errors == 0, "{errors} requests failed");
    Ok(())
}
