//! What is seen of the server while it is under load, and whether it grows.

use std::{sync::atomic::Ordering, time::Duration};

use anyhow::Result;
use tokio::time::{Instant, interval};

use super::Traffic;
use crate::{run::Run, server::Server};

/// Lines that are printed, at the most.
const LINES: u32 = 15;

/// But not more often than that.
const LINE: Duration = Duration::from_secs(5);

/// How often memory and open files are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// What the memory may grow by between the second third of the time and the last: a share, in percent, and so many kB. The
/// allocator keeps what large bodies once took, and how many of them meet is chance.
const MEMORY: (u64, u64) = (15, 10 * 1_024);

/// The same for a run of fewer looks, in which a few large bodies more or less are seen: that finds large leaks alone.
const MEMORY_OF_SHORT_RUNS: (u64, u64) = (50, 64 * 1_024);

/// Five minutes.
const SHORT: usize = 600;

/// The same for open files: how many callers are slow at a time is chance.
const FILES: (u64, u64) = (0, 32);

/// The same for the 99th percentile, in microseconds: twice as much and more than large bodies at the same time explain.
const P99: (u64, u64) = (100, 10_000);

/// Looks at the server, in their order.
#[derive(Default)]
pub(super) struct Figures {
    /// Resident, in kB.
    memory: Vec<u64>,
    files: Vec<u64>,
    /// Of each line, in microseconds.
    p99: Vec<u32>,
}

impl Figures {
    /// Looks until the time is over, and prints a table.
    pub(super) async fn watch(run: &Run, server: &Server, traffic: &Traffic, time: Duration) -> Result<Self> {
        run.say("| Seconds | Honest | Hostile | p50 | p99 | Memory | Open files |\n|---:|---:|---:|---:|---:|---:|---:|");
        let (began, mut figures) = (Instant::now(), Self::default());
        let line = (time / LINES).max(LINE);
        let mut next = began + line;
        let mut looks = interval(LOOK);
        while !traffic.is_over() {
            looks.tick().await;
            let (memory, files) = (server.memory()?, server.open_files()?);
            figures.memory.push(memory);
            figures.files.push(files);
            if Instant::now() >= next {
                next += line;
                let mut latencies = std::mem::take(&mut *traffic.latencies());
                latencies.sort_unstable();
                if latencies.is_empty() {
                    run.broken(format!("no honest caller was answered within {} s", line.as_secs()));
                }
                let part = |of_hundred: usize| {
                    let last = latencies.len().saturating_sub(1);
                    latencies.get((latencies.len() * of_hundred / 100).min(last)).copied().unwrap_or_default()
                };
                let (p50, p99) = (part(50), part(99));
                figures.p99.push(p99);
                run.say(&format!(
                    "| {} | {} | {} | {:.2} ms | {:.2} ms | {} MB | {files} |",
                    began.elapsed().as_secs(),
                    traffic.honest.load(Ordering::Relaxed),
                    traffic.hostile.load(Ordering::Relaxed),
                    f64::from(p50) / 1_000.0,
                    f64::from(p99) / 1_000.0,
                    memory / 1_024,
                ));
            }
        }
        Ok(figures)
    }

    /// Memory and open files must not grow, and nor must latencies where there are enough of them: in a short run they are
    /// the machine's, and are only told.
    pub(super) fn judge(&self, run: &Run) {
        let p99: Vec<u64> = self.p99.iter().copied().map(u64::from).collect();
        for (what, looks) in
            [("memory in kB", &self.memory), ("open files", &self.files), ("p99 in microseconds", &p99)]
        {
            if let Some((second, last)) = medians(looks) {
                run.count(&format!("{what}: median of the second third of the time"), second);
                run.count(&format!("{what}: median of the last"), last);
                run.say(&format!("{what}: {second} in the second third of the time, {last} in the last"));
            }
        }
        let memory = if self.memory.len() < SHORT { MEMORY_OF_SHORT_RUNS } else { MEMORY };
        if let Some((before, after)) = growth(&self.memory, memory) {
            run.broken(format!("the memory has grown from {before} kB to {after} kB"));
        }
        if let Some((before, after)) = growth(&self.files, FILES) {
            run.broken(format!("open files have grown from {before} to {after}"));
        }
        if self.memory.len() >= SHORT
            && let Some((before, after)) = growth(&p99, P99)
        {
            run.broken(format!("p99 has grown from {before} µs to {after} µs"));
        }
    }
}

/// The medians of the second and the last third, if the last is larger by more than that share (in percent) and amount.
fn growth(looks: &[u64], (percent, more): (u64, u64)) -> Option<(u64, u64)> {
    medians(looks).filter(|(second, last)| *last > second + second * percent / 100 + more)
}

/// Of the second and the last third: the first one is warming up.
fn medians(looks: &[u64]) -> Option<(u64, u64)> {
    let third = looks.len() / 3;
    let median = |part: &[u64]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part.get(part.len() / 2).copied()
    };
    median(looks.get(third..2 * third)?).zip(median(looks.get(2 * third..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_all_the_time_is_seen_and_noise_is_not() {
        let leak: Vec<u64> = (0..300).map(|look| 100_000 + look * 500).collect();
        assert_eq!(growth(&leak, MEMORY), Some((175_000, 225_000)));
        let noise: Vec<u64> = (0..300).map(|look| 100_000 + look % 7 * 5_000).collect();
        assert_eq!(growth(&noise, MEMORY), None);
        let warming_up: Vec<u64> = (0..300).map(|look| 50_000 + look.min(99) * 1_000).collect();
        assert_eq!(growth(&warming_up, MEMORY), None);
        assert_eq!(growth(&[], MEMORY), None);
        let files: Vec<u64> = (0..300).map(|look| 100 + look).collect();
        assert_eq!(growth(&files, FILES), Some((250, 350)));
    }
}
