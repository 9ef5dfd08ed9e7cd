//! The figures of all rounds: their medians, and what the aims are about.

use std::{collections::BTreeMap, io::Write};

use anyhow::Result;
use serde_json::{Value, json};

use super::apps::OURS;

/// Of one turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    pub(super) per_second: f64,
    /// In milliseconds.
    pub(super) p50: f64,
    /// In milliseconds.
    pub(super) p99: f64,
    /// In milliseconds for each request.
    pub(super) cpu: f64,
    /// In kB.
    pub(super) memory: u64,
    pub(super) errors: usize,
}

/// Whose turn it was, and how many called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) connections: usize,
    pub(super) app: &'static str,
}

/// Rows of turns.
#[derive(Default)]
pub(super) struct Table {
    floor: Vec<f64>,
    rows: BTreeMap<Row, Vec<Figures>>,
}

impl Table {
    /// Updates a second of the engine alone, in one more round.
    pub(super) fn floor(&mut self, per_second: f64) {
        self.floor.push(per_second);
    }

    /// One more turn.
    pub(super) fn add(&mut self, row: Row, figures: Figures) {
        self.rows.entry(row).or_default().push(figures);
    }

    /// Markdown, with ratios to the engine's own rate and to that of the others under as many connections.
    pub(super) fn write(&self, at_rest: f64, out: &mut dyn Write) -> Result<()> {
        let floor = median(self.floor.iter().copied());
        writeln!(out, "The engine's own UpdateItem, in process, one thread: {floor:.0}/s.")?;
        writeln!(out, "The server at rest: {:.2} % of a CPU.\n", at_rest * 100.0)?;
        writeln!(
            out,
            "| Connections | | Requests/s | of the engine's | {OURS} to it | p50 | p99 | p99 to p50 | CPU each | \
             Memory | Errors |\n|---|---|---|---|---|---|---|---|---|---|---|"
        )?;
        for (row, turns) in &self.rows {
            let Figures { per_second, p50, p99, cpu, memory, errors } = middle(turns);
            writeln!(
                out,
                "| {} | {} | {per_second:.0} | {:.2} | {:.2} | {p50:.2} ms | {p99:.2} ms | {:.1} | {cpu:.3} ms | {:.0} MB | \
                 {errors} |",
                row.connections,
                row.app,
                per_second / floor,
                self.ours(row.connections) / per_second,
                p99 / p50,
                memory / 1_024,
            )?;
        }
        Ok(())
    }

    /// Requests a second that the local server answered to so many connections.
    fn ours(&self, connections: usize) -> f64 {
        self.rows.get(&Row { connections, app: OURS }).map_or(0.0, |turns| middle(turns).per_second)
    }

    /// The same for programs.
    pub(super) fn json(&self, at_rest: f64) -> Value {
        let row = |(row, turns): (&Row, &Vec<Figures>)| {
            let Figures { per_second, p50, p99, cpu, memory, errors } = middle(turns);
            json!({
                "app": row.app,
                "connections": row.connections,
                "requestsPerSecond": per_second,
                "p50Ms": p50,
                "p99Ms": p99,
                "cpuMsPerRequest": cpu,
                "residentKb": memory,
                "errors": errors,
            })
        };
        json!({
            "engineUpdatesPerSecond": median(self.floor.iter().copied()),
            "cpuAtRest": at_rest,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

/// The median of each figure; of memory and errors the most.
fn middle(turns: &[Figures]) -> Figures {
    let of = |figure: fn(&Figures) -> f64| median(turns.iter().map(figure));
    Figures {
        per_second: of(|turn| turn.per_second),
        p50: of(|turn| turn.p50),
        p99: of(|turn| turn.p99),
        cpu: of(|turn| turn.cpu),
        memory: turns.iter().map(|turn| turn.memory).max().unwrap_or_default(),
        errors: turns.iter().map(|turn| turn.errors).max().unwrap_or_default(),
    }
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
