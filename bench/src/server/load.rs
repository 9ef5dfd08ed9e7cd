//! The load: connections that send their requests one after the other, each as soon as the one before is answered.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use futures_util::future::join_all;

use crate::connection::Connection;

/// What is sent, and by how many.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) address: SocketAddr,
    /// Requests as they go over a connection, shared out among the connections and sent again and again.
    pub(super) requests: Arc<Vec<Vec<u8>>>,
    pub(super) connections: usize,
    pub(super) until: Until,
}

/// When it is over.
#[derive(Clone, Copy)]
pub(super) enum Until {
    Time(Duration),
    /// About so many: each connection sends its share, rounded up.
    Requests(usize),
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) time: Duration,
    /// Of each request that was answered with 200, in microseconds; ascending.
    pub(super) latencies: Vec<u32>,
    /// Connections that were refused or broke, and other answers.
    pub(super) errors: usize,
    /// What the first error was.
    pub(super) error: Option<String>,
}

impl Outcome {
    pub(super) fn per_second(&self) -> f64 {
        count(self.latencies.len()) / self.time.as_secs_f64()
    }

    /// So many of a thousand requests took no longer, in milliseconds.
    pub(super) fn percentile(&self, of_thousand: usize) -> f64 {
        let place = (self.latencies.len() * of_thousand / 1_000).min(self.latencies.len().saturating_sub(1));
        f64::from(self.latencies.get(place).copied().unwrap_or_default()) / 1_000.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than a float counts exactly")]
pub(super) fn count(number: usize) -> f64 {
    number as f64
}

impl Load {
    /// Sends it, from a thread of its own.
    pub(super) async fn send(self) -> Result<Outcome> {
        let sent = tokio::task::spawn_blocking(move || -> Result<Outcome> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(self.send_from_here()))
        });
        sent.await?
    }

    async fn send_from_here(self) -> Outcome {
        let started = Instant::now();
        let callers = join_all((0..self.connections).map(|place| self.caller(place, started))).await;
        let time = started.elapsed();
        let (mut latencies, mut errors, mut error) = (Vec::new(), 0, None);
        for caller in callers {
            latencies.extend(caller.latencies);
            errors += caller.errors;
            error = error.or(caller.error);
        }
        latencies.sort_unstable();
        Outcome { time, latencies, errors, error }
    }

    async fn caller(&self, place: usize, started: Instant) -> Caller {
        let mut caller = Caller { connection: None, latencies: Vec::new(), errors: 0, error: None };
        let own: Vec<&Vec<u8>> = self.requests.iter().skip(place).step_by(self.connections).collect();
        for (sent, request) in own.iter().cycle().enumerate() {
            let is_over = match self.until {
                Until::Time(time) => started.elapsed() >= time,
                Until::Requests(all) => sent >= all.div_ceil(self.connections),
            };
            if is_over {
                break;
            }
            caller.call(self.address, request).await;
        }
        caller
    }
}

struct Caller {
    connection: Option<Connection>,
    latencies: Vec<u32>,
    errors: usize,
    error: Option<String>,
}

impl Caller {
    async fn call(&mut self, address: SocketAddr, request: &[u8]) {
        let started = Instant::now();
        match self.try_to_call(address, request).await {
            Ok(()) => {
                let microseconds = u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX);
                self.latencies.push(microseconds);
            }
            Err(cause) => {
                self.connection = None;
                self.errors += 1;
                self.error.get_or_insert_with(|| format!("{cause:#}"));
            }
        }
    }

    async fn try_to_call(&mut self, address: SocketAddr, request: &[u8]) -> Result<()> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(address).await?,
        };
        let (status, _) = connection.call(request).await?;
        self.connection = Some(connection);
        ensure!(status == 200, "answered {status}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_all_latencies() {
        let outcome = Outcome {
            time: Duration::from_secs(2),
            latencies: (1..=1_000).collect(),
            errors: 0,
            error: None,
        };
        let figures = [outcome.percentile(500), outcome.percentile(990), outcome.per_second()];
        assert_eq!(figures.map(|figure| figure.to_string()), ["0.501", "0.991", "500"]);
    }
}
