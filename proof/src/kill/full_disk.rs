//! A disk that is full: what cannot be written is answered 5xx and no lie, nothing that was acknowledged is lost, and once
//! there is room all goes on.

use std::{
    fs, mem,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tokio::{process::Command, time::Instant};

use super::world::World;
use crate::{
    run::Run,
    server::{Program, Server},
    wire::Connection,
};

/// Of the file system.
const MB: usize = 24;

/// What takes the room, piece by piece.
const PIECE: usize = 256 * 1024;

/// So many are left out, so that there is something to fill.
const ROOM: usize = 8;

/// The load while there is room.
const LOAD: Duration = Duration::from_secs(2);

/// It is full by then.
const FILLS: Duration = Duration::from_mins(5);

/// Clients of this folder have random numbers from here on.
const WORKERS: u64 = 1_000_000;

/// Fills a disk under load twice: once the server goes on, once it is killed meanwhile.
pub(super) async fn fill(run: &Run, program: &Program, place: &Path, clients: u64) -> Result<()> {
    let disk = Disk::at(place.join("disk"), run).await?;
    let mut world = World::new(run, &program.ignoring_file_size(), disk.data(), clients, WORKERS)?;
    let outcome = Box::pin(story(run, &mut world, &disk)).await;
    if let Err(cause) = outcome {
        run.broken(format!("with a full disk: {cause:#}"));
    }
    disk.unmount().await?;
    let (acknowledged, in_doubt) = world.requests();
    run.count("requests acknowledged", acknowledged);
    run.count("requests in doubt", in_doubt);
    Ok(())
}

async fn story(run: &Run, world: &mut World, disk: &Disk) -> Result<()> {
    let mut server = world.start(3_600).await?;
    world.load(server.address, Some(Instant::now() + LOAD)).await?;
    until_full(run, world, &server, disk).await?;
    for client in &mut world.clients {
        let mut connection = Connection::open(server.address).await?;
        let read = client.read(&mut connection, true).await;
        read.with_context(|| format!("{}, while the disk is full", client.user))?;
    }
    run.say("  reads are answered, and all that was acknowledged is there");
    disk.make_room(Some(&server)).await?;
    world.check(&server, true).await.context("when there is room again")?;
    world.load(server.address, Some(Instant::now() + LOAD)).await?;
    not_refused(world).context("when there is room again")?;
    world.check_metrics(&server).await.context("when there is room again")?;
    run.say("  with room it goes on without a new start, and the metrics agree");
    until_full(run, world, &server, disk).await?;
    server.kill().await?;
    // A limit ends with the process.
    if matches!(disk, Disk::Mounted(_)) {
        match world.program(3_600).spawn()?.ready().await {
            Ok(_) => run.say("  killed, it starts on the full disk"),
            Err(cause) => run.say(&format!("  killed, it does not start on the full disk: {cause:#}")),
        }
    }
    disk.make_room(None).await?;
    let mut server = world.start(3_600).await.context("when there is room again")?;
    world.check(&server, true).await.context("killed, and when there is room again")?;
    world.check_metrics(&server).await.context("killed, and when there is room again")?;
    server.kill().await?;
    world.recount().await?;
    run.say("  with room it starts, all that was acknowledged is there, and the recount agrees");
    run.count("disks filled", 2);
    Ok(())
}

/// Takes the room, and sends requests until one is refused; then some more.
async fn until_full(run: &Run, world: &mut World, server: &Server, disk: &Disk) -> Result<()> {
    not_refused(world)?;
    disk.take_room(server).await?;
    let (stop, before) = (Instant::now() + FILLS, world.requests());
    let mut refused = Vec::new();
    while refused.len() < 3 * world.clients.len() {
        ensure!(Instant::now() < stop, "the disk is not full after {FILLS:?}");
        world.load(server.address, Some(Instant::now() + Duration::from_secs(1))).await?;
        refused.extend(world.clients.iter_mut().filter_map(|client| client.refused.take()));
    }
    let lies = refused.iter().find(|answer| !answer.contains(": 503 "));
    ensure!(lies.is_none(), "refused otherwise than with 503: {lies:?}");
    let (acknowledged, in_doubt) = world.requests();
    run.say(&format!(
        "the disk is full: after {} requests {} were refused, like {}",
        acknowledged - before.0,
        in_doubt - before.1,
        refused.first().map_or("", String::as_str)
    ));
    Ok(())
}

fn not_refused(world: &mut World) -> Result<()> {
    let refused = world.clients.iter_mut().find_map(|client| client.refused.take());
    refused.map_or(Ok(()), |refused| Err(anyhow::anyhow!("refused, though there is room: {refused}")))
}

/// Room that can be taken and given back.
enum Disk {
    /// A small file system in memory, mounted at this folder.
    Mounted(PathBuf),
    /// A folder in which no file may become larger than it is. That is another error for the one who writes, and all that can be
    /// had without being root.
    Limited(PathBuf),
}

impl Disk {
    async fn at(folder: PathBuf, run: &Run) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={MB}m"), "proof"]).arg(&folder);
        if command.stderr(Stdio::null()).status().await.is_ok_and(|status| status.success()) {
            run.say(&format!("a disk of {MB} MB"));
            return Ok(Self::Mounted(folder));
        }
        run.say("nothing can be mounted here: in place of a full disk a limit on the size of files");
        Ok(Self::Limited(folder))
    }

    fn data(&self) -> PathBuf {
        let (Self::Mounted(folder) | Self::Limited(folder)) = self;
        folder.join("data")
    }

    async fn take_room(&self, server: &Server) -> Result<()> {
        let folder = match self {
            Self::Mounted(folder) => folder,
            Self::Limited(_) => {
                let sizes = fs::read_dir(self.data())?.map(|entry| Ok(entry?.metadata()?.len()));
                let largest = sizes.collect::<Result<Vec<u64>>>()?.into_iter().max().unwrap_or_default();
                return server.limit_files(Some(largest + PIECE as u64)).await;
            }
        };
        let piece = |number: usize| folder.join(format!("piece-{number}"));
        let mut pieces = 0;
        while fs::write(piece(pieces), vec![0; PIECE]).is_ok() {
            pieces += 1;
        }
        (pieces.saturating_sub(ROOM)..=pieces).try_for_each(|number| Ok(fs::remove_file(piece(number))?))
    }

    async fn make_room(&self, server: Option<&Server>) -> Result<()> {
        match (self, server) {
            (Self::Limited(_), Some(server)) => server.limit_files(None).await?,
            (Self::Limited(_), None) => {}
            (Self::Mounted(folder), _) => {
                for entry in fs::read_dir(folder)? {
                    let entry = entry?;
                    if entry.file_type()?.is_file() {
                        fs::remove_file(entry.path())?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn unmount(self) -> Result<()> {
        if let Self::Mounted(folder) = &self {
            let status = Command::new("umount").arg(folder).status().await?;
            ensure!(status.success(), "umount of {}: {status}", folder.display());
        }
        // There is nothing left to do.
        mem::forget(self);
        Ok(())
    }
}

/// Also when something went wrong, or somebody has stopped it. A server that is still there is killed, and the folder is free
/// once it is gone.
impl Drop for Disk {
    fn drop(&mut self) {
        if let Self::Mounted(folder) = self {
            drop(std::process::Command::new("umount").arg("--lazy").arg(folder).status());
        }
    }
}
