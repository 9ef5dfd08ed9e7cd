//! The share of a CPU that Lambda gives with an amount of memory.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::{task::AbortHandle, time::sleep};

use super::process::{Signal, send};

/// With so many MB a function has one vCPU, and with fewer that part of it
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>).
pub(crate) const MB_OF_ONE_CPU: u64 = 1_769;

/// In each period a function runs for its share of it, and then waits for the next; in microseconds.
const PERIOD: u64 = 20_000;

/// Where the kernel's control groups are.
const GROUPS: &str = "/sys/fs/cgroup";

/// Each has a name of its own.
static GROUPS_MADE: AtomicU32 = AtomicU32::new(0);

/// A share of a CPU.
#[derive(Debug)]
pub struct CpuShare(Means);

#[derive(Debug)]
enum Means {
    Group(Group),
    Turns(Turns),
}

impl CpuShare {
    /// The share of so many MB: by a control group of the kernel's, which counts what a process runs. Most machines let
    /// root alone make one. Without it a process is stopped for the rest of each period, whether it ran or waited.
    #[must_use]
    pub fn of_memory(memory: u32) -> Self {
        let quota = PERIOD * u64::from(memory).min(MB_OF_ONE_CPU) / MB_OF_ONE_CPU;
        Self(match Group::new(quota) {
            Ok(group) => Means::Group(group),
            Err(_) => Means::Turns(Turns::new(quota)),
        })
    }

    /// How it is enforced, for people.
    #[must_use]
    pub fn means(&self) -> &'static str {
        match self.0 {
            Means::Group(_) => "a control group",
            Means::Turns(_) => "stopping and continuing, for want of a control group",
        }
    }

    /// Gives a process, with all of its threads, no more than the share.
    pub(crate) fn take_in(&self, id: u32) -> Result<()> {
        match &self.0 {
            Means::Group(group) => group.take_in(id),
            Means::Turns(turns) => {
                turns.take_in(id);
                Ok(())
            }
        }
    }

    /// Leaves a process alone again, so that who stops it stops it.
    pub(crate) fn let_go(&self, id: u32) {
        if let Means::Turns(turns) = &self.0 {
            turns.let_go(id);
        }
    }
}

/// A control group with a quota. It is removed when it is dropped, and must be empty then.
#[derive(Debug)]
struct Group {
    folder: PathBuf,
}

impl Group {
    fn new(quota: u64) -> Result<Self> {
        let root = Path::new(GROUPS);
        let name =
            format!("user-sessions-bench-{}-{}", process::id(), GROUPS_MADE.fetch_add(1, Ordering::Relaxed));
        let make = |parent: &Path, files: &[(&str, String)]| {
            let group = Self { folder: parent.join(&name) };
            fs::create_dir(&group.folder).with_context(|| format!("making {}", group.folder.display()))?;
            for (file, text) in files {
                let file = group.folder.join(file);
                fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
            }
            Ok(group)
        };
        if root.join("cgroup.controllers").is_file() {
            // It may be on already, or be somebody else's to decide: then the next file is missing.
            let _ = fs::write(root.join("cgroup.subtree_control"), "+cpu");
            return make(root, &[("cpu.max", format!("{quota} {PERIOD}"))]);
        }
        let first_version = root.join("cpu");
        if first_version.join("cpu.cfs_quota_us").is_file() {
            let files = [("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", quota.to_string())];
            return make(&first_version, &files);
        }
        bail!("there are no control groups in {GROUPS}, so that CPU cannot be limited")
    }

    /// Makes a process one of the group, with all of its threads.
    fn take_in(&self, id: u32) -> Result<()> {
        let file = self.folder.join("cgroup.procs");
        fs::write(&file, id.to_string()).with_context(|| format!("writing {}", file.display()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Processes that run for a part of each period and are stopped for the rest of it, until this is dropped.
#[derive(Debug)]
struct Turns {
    run: Duration,
    rest: Duration,
    taken: Mutex<HashMap<u32, AbortHandle>>,
}

impl Turns {
    fn new(quota: u64) -> Self {
        let (run, rest) = (Duration::from_micros(quota), Duration::from_micros(PERIOD - quota));
        Self { run, rest, taken: Mutex::default() }
    }

    fn take_in(&self, id: u32) {
        let (run, rest) = (self.run, self.rest);
        if rest.is_zero() {
            return;
        }
        let turns = tokio::spawn(async move {
            // Neither is possible once the process has ended.
            loop {
                sleep(run).await;
                if send(id, Signal::Stop).is_err() {
                    break;
                }
                sleep(rest).await;
                if send(id, Signal::GoOn).is_err() {
                    break;
                }
            }
        });
        self.taken().insert(id, turns.abort_handle());
    }

    fn let_go(&self, id: u32) {
        if let Some(turns) = self.taken().remove(&id) {
            turns.abort();
        }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<u32, AbortHandle>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        for turns in self.taken().values() {
            turns.abort();
        }
    }
}

// What a process has used is told by Linux alone.
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::lambda::cpu_time;

    /// The part of a CPU that a process which never waits gets of `share` in half a second.
    async fn used(share: &CpuShare) -> f64 {
        let mut busy = Command::new("/bin/sh");
        let busy = Killed(busy.args(["-c", "while :; do :; done"]).spawn().unwrap());
        share.take_in(busy.0.id()).unwrap();
        let (time, before) = (Duration::from_millis(500), cpu_time(busy.0.id()));
        sleep(time).await;
        let used = cpu_time(busy.0.id()).saturating_sub(before);
        used.as_secs_f64() / time.as_secs_f64()
    }

    #[tokio::test]
    async fn a_process_that_is_stopped_stays_stopped() {
        let share = CpuShare(Means::Turns(Turns::new(PERIOD / 2)));
        let mut busy = Command::new("/bin/sh");
        let busy = Killed(busy.args(["-c", "while :; do :; done"]).spawn().unwrap());
        let id = busy.0.id();
        share.take_in(id).unwrap();
        sleep(Duration::from_millis(50)).await;
        share.let_go(id);
        send(id, Signal::Stop).unwrap();
        // On a machine that is busy it takes a while until it gets there.
        let is_stopped = || std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap().contains(") T ");
        while !is_stopped() {
            sleep(Duration::from_millis(1)).await;
        }
        let before = cpu_time(id);
        sleep(Duration::from_millis(100)).await;
        assert_eq!(cpu_time(id), before);
    }

    struct Killed(Child);

    impl Drop for Killed {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[tokio::test]
    async fn a_process_gets_its_share_and_no_more_whatever_the_means() {
        let quota = PERIOD / 10;
        for share in [CpuShare::of_memory(177), CpuShare(Means::Turns(Turns::new(quota)))] {
            let used = used(&share).await;
            // Timers are late, never early, and a machine that is busy gives less.
            assert!((0.01..0.6).contains(&used), "{used} of a CPU by {}", share.means());
        }
    }
}
