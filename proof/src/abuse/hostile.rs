//! Hostile callers: each act has a connection of its own.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::{Context, Result};
use fastrand::Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    select,
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    Traffic,
    acts::{self, Act, Allowed, Manner},
    tokens::Tokens,
};
use crate::run::Run;

/// Callers who act one after the other.
const CALLERS: u64 = 8;

/// Slow ones at a time, beside those.
const SLOW: usize = 24;

/// How long a slow one keeps its connection.
const PATIENCE: Duration = Duration::from_secs(15);

/// Between two bytes of a slow one.
const PAUSE: Duration = Duration::from_millis(100);

/// The answer to an act is there by then.
const ANSWER: Duration = Duration::from_secs(40);

/// Their random numbers are beside those of honest callers.
const WORKERS: u64 = 1 << 20;

/// They act until the time is over.
pub(super) struct Hostile(JoinSet<BTreeMap<&'static str, u64>>);

impl Hostile {
    /// One of so many requests is theirs.
    pub(super) fn start(
        run: &Run,
        address: SocketAddr,
        tokens: Tokens,
        one_in: u64,
        traffic: &Arc<Traffic>,
    ) -> Self {
        let (tokens, slow) = (Arc::new(tokens), Arc::new(Semaphore::new(SLOW)));
        let mut callers = JoinSet::new();
        for place in 0..CALLERS {
            let (tokens, slow) = (Arc::clone(&tokens), Arc::clone(&slow));
            let (traffic, random) = (Arc::clone(traffic), run.random(WORKERS + place));
            callers.spawn(caller(address, tokens, one_in, traffic, slow, random));
        }
        Self(callers)
    }

    /// Waits until the last has done, and tells what they did.
    pub(super) async fn end(mut self) -> Result<BTreeMap<&'static str, u64>> {
        let mut all = BTreeMap::new();
        while let Some(acts) = self.0.join_next().await {
            for (name, count) in acts.context("a hostile caller failed")? {
                *all.entry(name).or_default() += count;
            }
        }
        Ok(all)
    }
}

async fn caller(
    address: SocketAddr,
    tokens: Arc<Tokens>,
    one_in: u64,
    traffic: Arc<Traffic>,
    slow: Arc<Semaphore>,
    mut random: Rng,
) -> BTreeMap<&'static str, u64> {
    let mut done = BTreeMap::new();
    let mut waiting = JoinSet::new();
    while !traffic.is_over() {
        let (honest, hostile) = (&traffic.honest, &traffic.hostile);
        if hostile.load(Ordering::Relaxed) * one_in.saturating_sub(1) > honest.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(5)).await;
            continue;
        }
        let session = traffic.some_session(&mut random);
        let act = acts::any(&tokens, session, &mut random);
        let is_slow = matches!(act.manner, Manner::Slowly(_) | Manner::Unread);
        if is_slow {
            let Ok(permit) = Arc::clone(&slow).try_acquire_owned() else { continue };
            hostile.fetch_add(1, Ordering::Relaxed);
            *done.entry(act.name).or_default() += 1;
            let traffic = Arc::clone(&traffic);
            waiting.spawn(async move {
                judged(address, &act, &traffic).await;
                drop(permit);
            });
        } else {
            hostile.fetch_add(1, Ordering::Relaxed);
            *done.entry(act.name).or_default() += 1;
            judged(address, &act, &traffic).await;
        }
        while waiting.try_join_next().is_some() {}
    }
    waiting.abort_all();
    done
}

async fn judged(address: SocketAddr, act: &Act, traffic: &Traffic) {
    let outcome = match timeout(ANSWER + PATIENCE, perform(address, act)).await {
        Ok(Ok(answer)) => judge(act, &answer),
        Ok(Err(cause)) => Err(format!("no connection: {cause}")),
        Err(_) => Err("no answer, and the connection is not closed".to_owned()),
    };
    if let Err(what) = outcome {
        let sent = String::from_utf8_lossy(&act.bytes[..act.bytes.len().min(600)]).into_owned();
        traffic.note(act.name, format!("{what}; sent were {} bytes: {sent:?}", act.bytes.len()));
    }
}

/// What is answered; nothing if the connection is closed without an answer.
async fn perform(address: SocketAddr, act: &Act) -> std::io::Result<Vec<u8>> {
    let stream = TcpStream::connect(address).await?;
    let (mut reader, mut writer) = stream.into_split();
    let mut answer = Vec::new();
    match act.manner {
        // An answer may come before all is sent, and then nobody reads on.
        Manner::AtOnce => {
            let write = async {
                let _ = writer.write_all(&act.bytes).await;
            };
            let _ = tokio::join!(write, reader.read_to_end(&mut answer));
        }
        Manner::Abandoned => {
            let _ = writer.write_all(&act.bytes).await;
        }
        Manner::Unread => {
            let _ = timeout(PATIENCE, async {
                let _ = writer.write_all(&act.bytes).await;
                sleep(PATIENCE).await;
            })
            .await;
        }
        Manner::Slowly(at_once) => {
            let (stop, (first, rest)) = (Instant::now() + PATIENCE, act.bytes.split_at(at_once));
            let write = async {
                let _ = writer.write_all(first).await;
                for byte in rest {
                    if Instant::now() > stop || writer.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                    sleep(PAUSE).await;
                }
            };
            // Whoever is told that it took too long need not go on; without that the caller leaves in the middle.
            select! {
                _ = reader.read_to_end(&mut answer) => {}
                () = write => {}
            }
        }
        Manner::Endlessly(most) => {
            let write = async {
                let _ = writer.write_all(&act.bytes).await;
                let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 0x10000], b"\r\n"].concat();
                let mut sent = 0;
                while sent < most && writer.write_all(&chunk).await.is_ok() {
                    sent += chunk.len();
                }
                let _ = writer.shutdown().await;
            };
            let _ = tokio::join!(write, reader.read_to_end(&mut answer));
        }
    }
    Ok(answer)
}

fn judge(act: &Act, answer: &[u8]) -> Result<(), String> {
    let statuses = statuses(answer);
    let is_allowed = match act.allowed {
        Allowed::Exactly(status) => statuses == [status],
        Allowed::Each(count, some) => {
            statuses.len() == count && statuses.iter().all(|status| some.contains(status))
        }
        Allowed::Of(some) => statuses.iter().all(|status| some.contains(status)),
        Allowed::Any => statuses.iter().all(|status| *status < 500),
    };
    let text = || String::from_utf8_lossy(&answer[..answer.len().min(400)]).into_owned();
    if is_allowed { Ok(()) } else { Err(format!("{:?} and not {statuses:?}: {:?}", act.allowed, text())) }
}

/// The statuses of all answers that came.
fn statuses(answer: &[u8]) -> Vec<u16> {
    let heads = answer.windows(12).filter(|text| text.starts_with(b"HTTP/1.") && text[8] == b' ');
    heads.filter_map(|text| str::from_utf8(&text[9..]).ok()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(allowed: Allowed) -> Act {
        Act { name: "an act", bytes: Vec::new(), manner: Manner::AtOnce, allowed }
    }

    #[test]
    fn an_answer_is_judged_by_all_its_statuses() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 401 Unauthorized\r\n\r\n";
        assert_eq!(statuses(answer), [200, 401]);
        judge(&act(Allowed::Exactly(401)), answer).unwrap_err();
        judge(&act(Allowed::Each(2, &[200])), answer).unwrap_err();
        judge(&act(Allowed::Each(3, &[200, 401])), answer).unwrap_err();
        judge(&act(Allowed::Each(2, &[200, 401])), answer).unwrap();
        judge(&act(Allowed::Of(&[200, 401])), answer).unwrap();
        judge(&act(Allowed::Any), answer).unwrap();
        judge(&act(Allowed::Any), b"HTTP/1.1 500 Internal Server Error\r\n\r\n").unwrap_err();
        judge(&act(Allowed::Exactly(401)), b"").unwrap_err();
        judge(&act(Allowed::Of(&[413])), b"").unwrap();
    }
}
