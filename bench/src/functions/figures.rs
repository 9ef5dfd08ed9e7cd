//! What many runs come to.

use std::{collections::BTreeMap, time::Duration};

use super::run::{Run, Share};

/// All runs, by share of a CPU and program.
#[derive(Default)]
pub(super) struct Figures {
    runs: BTreeMap<(Share, String), Vec<Run>>,
    silent: BTreeMap<(Share, String), Vec<Duration>>,
    names: Vec<String>,
}

/// What the runs of one program with one share of a CPU come to.
pub(super) struct Summary {
    /// The median of the starts.
    pub(super) init: Duration,
    /// The median of what the connection took of those, where that is known.
    pub(super) connection: Option<Duration>,
    /// The median of the first invocations.
    pub(super) first: Duration,
    /// Of all warm invocations.
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    /// The median over the starts of the CPU time of a warm invocation.
    pub(super) cpu: Duration,
    /// The most memory of all, in kB.
    pub(super) peak: u64,
    /// The median of those after a silence, if there was one.
    pub(super) silent: Option<Duration>,
}

impl Figures {
    pub(super) fn add(&mut self, share: Share, name: &str, run: Run) {
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
        self.runs.entry((share, name.to_owned())).or_default().push(run);
    }

    pub(super) fn add_silent(&mut self, share: Share, name: &str, times: Vec<Duration>) {
        self.silent.entry((share, name.to_owned())).or_default().extend(times);
    }

    /// The shares of a CPU, the whole one first.
    pub(super) fn shares(&self) -> Vec<Share> {
        let mut shares: Vec<Share> = self.runs.keys().map(|(share, _)| *share).collect();
        shares.dedup();
        shares
    }

    /// The programs, in the order in which they ran.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn summary(&self, share: Share, name: &str) -> Option<Summary> {
        let key = (share, name.to_owned());
        let runs = self.runs.get(&key)?;
        let median = |of: &dyn Fn(&Run) -> Duration| percentile(runs.iter().map(of).collect(), 50);
        let warm = || runs.iter().flat_map(|run| run.warm.iter().copied()).collect();
        let connections: Vec<Duration> = runs.iter().filter_map(|run| run.connection).collect();
        Some(Summary {
            init: median(&|run| run.init),
            connection: (!connections.is_empty()).then(|| percentile(connections, 50)),
            first: median(&|run| run.first),
            p50: percentile(warm(), 50),
            p99: percentile(warm(), 99),
            cpu: median(&|run| run.cpu),
            peak: runs.iter().map(|run| run.peak).max().unwrap_or_default(),
            silent: self.silent.get(&key).map(|times| percentile(times.clone(), 50)),
        })
    }
}

/// The value that so many of a hundred do not exceed; nothing of nothing.
fn percentile(mut times: Vec<Duration>, of_hundred: usize) -> Duration {
    times.sort_unstable();
    let place = (times.len() * of_hundred).div_ceil(100).max(1) - 1;
    times.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let times = |count: u64| (1..=count).rev().map(Duration::from_millis).collect::<Vec<_>>();
        for (count, of_hundred, expected) in
            [(1, 50, 1), (1, 99, 1), (2, 50, 1), (3, 50, 2), (100, 50, 50), (100, 99, 99), (1_000, 99, 990)]
        {
            assert_eq!(percentile(times(count), of_hundred), Duration::from_millis(expected), "{count}");
        }
        assert_eq!(percentile(Vec::new(), 50), Duration::ZERO);
    }
}
