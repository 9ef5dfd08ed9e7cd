//! The metrics: what the rollup makes of stream records, and what a year's query costs.
//!
//! `cargo bench -p local --bench metrics`; `cargo test -p local --bench metrics` is a short run of it, which shows that
//! it works. The figures of one run belong together; those of two runs do not.

mod connectors;
mod events;
mod rollup;
mod rows;
mod year;

use std::{
    env,
    time::{Duration, Instant},
};

use anyhow::Result;
use local::{Options, Server};

/// How much is measured.
struct Scale {
    batches: usize,
    rounds: usize,
    days: u64,
    sessions_in_a_row: usize,
    requests: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let scale = if env::args().any(|argument| argument == "--bench") {
        Scale { batches: 100, rounds: 3, days: 365, sessions_in_a_row: 1_000_000, requests: 40 }
    } else {
        Scale { batches: 2, rounds: 1, days: 40, sessions_in_a_row: 1_000, requests: 2 }
    };
    let server = Server::start(Options::default()).await?;
    for sessions in [10, 1_000, scale.sessions_in_a_row] {
        rows::tell_weight(&server, sessions).await?;
    }
    for round in 1..=scale.rounds {
        say(format_args!("round {round}"));
        rollup::measure(&server, &scale).await?;
    }
    year::measure(&server, &scale).await
}

#[expect(clippy::print_stdout, reason = "the figures")]
fn say(line: std::fmt::Arguments<'_>) {
    println!("{line}");
}

/// The median of how long `call` takes, after a first time that does not count.
async fn median<R: Future<Output = Result<()>>>(times: usize, call: impl Fn() -> R) -> Result<Duration> {
    call().await?;
    let mut all = Vec::with_capacity(times);
    for _ in 0..times {
        let started = Instant::now();
        call().await?;
        all.push(started.elapsed());
    }
    all.sort_unstable();
    Ok(all[times / 2])
}

fn ratio(time: Duration, floor: Duration) -> f64 {
    time.as_secs_f64() / floor.as_secs_f64()
}
