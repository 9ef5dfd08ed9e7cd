//! Kills of the local server: under load, while it starts, and while the stream is rolled up. Whatever was acknowledged must
//! be there afterwards, and the metrics must come to what the sessions add up to.
//!
//! SIGKILL ends a process and not the system, so what a server has written is in the system's memory even if it is not on
//! the disk. This says nothing of a power cut.

mod client;
mod full_disk;
mod known;
mod world;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use fastrand::Rng;
use tokio::time::{Instant, sleep};

use self::world::World;
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
    /// Kills [default: 10, or as many as there are minutes for]
    #[arg(long, value_name = "COUNT")]
    kills: Option<u64>,
    /// Clients that call at once, each a user of its own
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    clients: u64,
    /// Where the data goes; what is broken can be looked at there [default: a folder for temporary files]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Fill the disk too, once: a small file system of its own as root, else by a limit on the size of files
    #[arg(long)]
    full_disk: bool,
}

/// How long a session lives without a heartbeat, in seconds: for ever, as far as a round goes, or so that it has expired
/// by the next one.
const TIMEOUTS: [u32; 3] = [3_600, 1, 2];

/// Kills of a run for which nothing else is said.
const SHORT: u64 = 10;

/// After so many kills the sessions are counted.
const RECOUNT_EVERY: u64 = 5;

/// One round of so many is in a folder of its own, which goes then.
const FRESH: u64 = 4;

/// Clients of the folder that stays have random numbers from here on; each further folder begins so many later.
const WORKERS: u64 = 1_000;

pub(crate) async fn run(options: Options, run: &Run) -> Result<()> {
    let place = env::temp_dir().join(format!("proof-kill-{}", process::id()));
    let place = options.data.clone().unwrap_or(place);
    fs::create_dir_all(&place).with_context(|| format!("creating {}", place.display()))?;
    // What is there already would be taken for the server's, and is somebody's.
    ensure!(fs::read_dir(&place)?.next().is_none(), "{} is not empty", place.display());
    let program = Program::find(options.server.as_deref(), place.join("server.log"))?;
    run.say(&format!("data and log in {}", place.display()));
    if options.full_disk {
        full_disk::fill(run, &program, &place, options.clients).await?;
    }
    if !run.has_broken() {
        kills(&options, run, &program, &place).await?;
    }
    if !run.has_broken() && options.data.is_none() {
        fs::remove_dir_all(&place)?;
    }
    Ok(())
}

async fn kills(options: &Options, run: &Run, program: &Program, place: &Path) -> Result<()> {
    let mut random = run.random(0);
    let world = World::new(run, program, place.join("data"), options.clients, WORKERS)?;
    let mut story = Story { run, world, random: random.fork(), kills: 0 };
    let mut folders = 1;
    let wanted = run.volume(options.kills, SHORT);
    while story.kills < wanted && !run.is_over() && !run.has_broken() {
        if random.u64(..FRESH) == 0 {
            folders += 1;
            let folder = place.join(format!("data-{folders}"));
            let world = World::new(run, program, folder.clone(), options.clients, WORKERS * folders)?;
            let mut fresh = Story { run, world, random: random.fork(), kills: 0 };
            fresh.go(&[At::Start, At::Load]).await?;
            story.kills += fresh.kills;
            fresh.settle();
            run.count("folders of data", 1);
            if !run.has_broken() {
                fs::remove_dir_all(folder)?;
            }
        } else {
            let kinds: Vec<At> = (0..RECOUNT_EVERY).map(|_| At::any(&mut random)).collect();
            let left = usize::try_from(wanted - story.kills)?;
            story.go(&kinds[..kinds.len().min(left)]).await?;
        }
        let (links, lost) = story.world.known();
        let (kills, links) = (story.kills, links.len());
        run.say(&format!("{kills} kills; {links} sessions in the folder that stays, {lost} in doubt"));
    }
    run.count("folders of data", 1);
    story.settle();
    Ok(())
}

/// When the server is killed.
#[derive(Clone, Copy, Debug)]
enum At {
    Load,
    /// A little after the last write, when it is applied to the metrics.
    Rollup,
    /// Before it has said where it is.
    Start,
}

impl At {
    /// Most often under load, since a kill at the start counts for several.
    fn any(random: &mut Rng) -> Self {
        match random.u8(..7) {
            0 => Self::Rollup,
            1 => Self::Start,
            _ => Self::Load,
        }
    }
}

/// What happens to a folder.
struct Story<'a> {
    run: &'a Run,
    world: World,
    random: Rng,
    kills: u64,
}

impl Story<'_> {
    /// Kills of these kinds, each looked at; then all is looked at and counted.
    async fn go(&mut self, kinds: &[At]) -> Result<()> {
        let outcome = Box::pin(self.kill_and_look(kinds)).await;
        self.report(outcome);
        Ok(())
    }

    /// What is broken is told as such, with where to look.
    fn report(&mut self, outcome: Result<()>) {
        let refused = self.world.clients.iter_mut().find_map(|client| client.refused.take());
        if let Err(cause) = outcome {
            let place = self.world.folder().display();
            self.run.broken(format!("after {} kills, in {place}: {cause:#}", self.kills));
        } else if let Some(refused) = refused {
            self.run.broken(format!("answered 5xx without cause: {refused}"));
        }
    }

    async fn kill_and_look(&mut self, kinds: &[At]) -> Result<()> {
        let began = Instant::now();
        let mut server = self.start().await?;
        let start = began.elapsed();
        for kind in kinds {
            let killed = self.kill(server, *kind, start).await;
            killed.with_context(|| format!("{kind:?}"))?;
            server = self.start().await.with_context(|| format!("after a kill at {kind:?}"))?;
            self.world.check(&server, false).await.with_context(|| format!("after a kill at {kind:?}"))?;
            self.world.check_metrics(&server).await.with_context(|| format!("after a kill at {kind:?}"))?;
        }
        self.world.check(&server, true).await?;
        self.world.check_metrics(&server).await?;
        server.kill().await?;
        self.world.recount().await?;
        let mut server = self.start().await?;
        let (after, before) = (self.world.read_metrics(&server).await?, self.world.metrics.take());
        ensure!(before.as_ref() == Some(&after), "the metrics had come to {before:?}, and are {after}");
        server.kill().await?;
        self.run.count("recounts that agreed", 1);
        Ok(())
    }

    async fn start(&mut self) -> Result<Server> {
        self.world.start(TIMEOUTS[self.random.usize(..TIMEOUTS.len())]).await
    }

    async fn kill(&mut self, mut server: Server, kind: At, start: Duration) -> Result<()> {
        match kind {
            At::Load => {
                let (address, after) = (server.address, self.up_to(Duration::from_millis(2_500)));
                let kill = async {
                    sleep(after).await;
                    server.kill().await
                };
                let (loaded, killed) = tokio::join!(self.world.load(address, None), kill);
                loaded.and(killed)?;
                self.killed("kills under load");
                return Ok(());
            }
            At::Rollup | At::Start => {
                let load = self.up_to(Duration::from_secs(1));
                self.world.load(server.address, Some(Instant::now() + load)).await?;
                sleep(self.up_to(Duration::from_millis(200))).await;
            }
        }
        server.kill().await?;
        self.killed("kills after load, when the stream is rolled up");
        if matches!(kind, At::Start) {
            for _ in 0..=self.random.u32(..2) {
                let starting = self.world.program(TIMEOUTS[0]).spawn()?;
                // Most of them in the first tenth.
                let longest = if self.random.bool() { start / 10 } else { start };
                sleep(self.up_to(longest)).await;
                starting.kill().await?;
                self.killed("kills at the start");
            }
        }
        Ok(())
    }

    fn killed(&mut self, unit: &str) {
        self.kills += 1;
        self.run.count(unit, 1);
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.random.f64())
    }

    /// Counts what was done.
    fn settle(&self) {
        let (acknowledged, in_doubt) = self.world.requests();
        self.run.count("requests acknowledged", acknowledged);
        self.run.count("requests in doubt", in_doubt);
        let (links, lost) = self.world.known();
        self.run.count("sessions known", links.len() as u64);
        self.run.count("sessions renewed", links.iter().filter(|link| link.1).count() as u64);
        self.run.count("sessions in doubt", lost);
    }
}
