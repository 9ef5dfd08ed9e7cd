//! Hostile callers beside honest ones. The honest must not notice, nobody may cause a 5xx, and the server's memory and open
//! files must not grow. And a function's process must not grow however often it is invoked.

mod acts;
mod figures;
mod honest;
mod hostile;
mod invocations;
mod tokens;

use std::{
    collections::BTreeMap,
    env, fs,
    path::PathBuf,
    process,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use clap::Args;
use fastrand::Rng;
use tokio::time::{Instant, sleep};

use self::{figures::Figures, hostile::Hostile, tokens::Tokens};
use crate::{
    run::Run,
    server::{Program, Server},
};

/// What a run is to do.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The local server's program [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Connections of honest callers
    #[arg(long, value_name = "COUNT", default_value_t = 64)]
    connections: u64,
    /// Requests for each hostile one
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    one_in: u64,
    /// Put no server under load, but invoke one process of the heartbeat so often, and others a twentieth of that
    #[arg(long, value_name = "COUNT")]
    invocations: Option<u64>,
    /// Where the functions' binaries are, as NAME or NAME/bootstrap [default: beside this program]
    #[arg(long, value_name = "DIR", requires = "invocations")]
    binaries: Option<PathBuf>,
}

/// Without --minutes.
const TIME: Duration = Duration::from_mins(15);

/// Of what went wrong with an act, so much is told.
const TOLD: usize = 3;

/// Callers' connections are closed by then, and the server has noticed.
const CLOSED: Duration = Duration::from_secs(40);

/// More open files than before the load, which are no leak.
const FILES: u64 = 16;

pub(crate) async fn run(options: Options, run: &Run) -> Result<()> {
    if let Some(count) = options.invocations {
        return invocations::run(run, options.binaries, count).await;
    }
    let place = env::temp_dir().join(format!("proof-abuse-{}", process::id()));
    fs::create_dir_all(&place)?;
    let program = Program::find(options.server.as_deref(), place.join("server.log"))?;
    // On disk, where the data may grow without the process.
    let data = place.join("data");
    let program = program.with(["--data", data.to_str().context("the folder's path is not UTF-8")?]);
    let server = program.start().await?;
    run.say(&format!("the server's log is {}", place.join("server.log").display()));
    under_load(&options, run, &server).await?;
    drop(server);
    if !run.has_broken() {
        fs::remove_dir_all(&place)?;
    }
    Ok(())
}

async fn under_load(options: &Options, run: &Run, server: &Server) -> Result<()> {
    let time = run.left().unwrap_or(TIME);
    let traffic = Arc::new(Traffic::until(Instant::now() + time));
    let tokens = Tokens::of(server).await?;
    let files = server.open_files()?;
    let hostile = Hostile::start(run, server.address, tokens, options.one_in, &traffic);
    let honest = honest::callers(run, server, options.connections, &traffic);
    let (honest, figures) = tokio::join!(honest, Figures::watch(run, server, &traffic, time));
    let acts = hostile.end().await?;
    honest?;
    for (name, count) in acts {
        run.count(&format!("hostile: {name}"), count);
    }
    run.count("honest requests", traffic.honest.load(Ordering::Relaxed));
    run.count("hostile acts", traffic.hostile.load(Ordering::Relaxed));
    figures?.judge(run);
    let stop = Instant::now() + CLOSED;
    while server.open_files()? > files + FILES {
        if Instant::now() > stop {
            let left = server.open_files()?;
            run.broken(format!("{left} files are open though all callers are gone; at the start {files}"));
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    for (name, faults) in std::mem::take(&mut *traffic.faults()) {
        let all = faults.len();
        faults.into_iter().take(TOLD).for_each(|fault| run.broken(format!("{name}, one of {all}: {fault}")));
    }
    Ok(())
}

type Faults = BTreeMap<&'static str, Vec<String>>;

/// What all callers have in common.
struct Traffic {
    stop: Instant,
    honest: AtomicU64,
    hostile: AtomicU64,
    /// Of honest requests since they were last taken, in microseconds.
    latencies: Mutex<Vec<u32>>,
    /// By the name of the act.
    faults: Mutex<Faults>,
    /// Sessions of honest callers that are live, or were just now.
    sessions: Mutex<Vec<String>>,
}

/// So many of them are known.
const SESSIONS: usize = 64;

impl Traffic {
    fn until(stop: Instant) -> Self {
        let (honest, hostile) = (AtomicU64::new(0), AtomicU64::new(0));
        let (latencies, faults, sessions) = Default::default();
        Self { stop, honest, hostile, latencies, faults, sessions }
    }

    /// One more, in the place of some other.
    fn know_session(&self, id: &str, random: &mut Rng) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() == SESSIONS {
            sessions.swap_remove(random.usize(..SESSIONS));
        }
        sessions.push(id.to_owned());
    }

    /// Some session of an honest caller's, once there is one.
    fn some_session(&self, random: &mut Rng) -> Option<String> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        (!sessions.is_empty()).then(|| sessions[random.usize(..sessions.len())].clone())
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.stop
    }

    fn note(&self, name: &'static str, fault: String) {
        self.faults().entry(name).or_default().push(fault);
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn latencies(&self) -> MutexGuard<'_, Vec<u32>> {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
