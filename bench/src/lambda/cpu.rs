//! The share of a CPU that Lambda gives with an amount of memory, by a control group of the kernel's.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context, Result, bail};

/// With so many MB a function has one vCPU, and with fewer that part of it
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>).
const MB_OF_ONE_CPU: u64 = 1_769;

/// In each period a function runs for its share of it, and then waits for the next; in microseconds.
const PERIOD: u64 = 20_000;

/// Where the kernel's control groups are.
const GROUPS: &str = "/sys/fs/cgroup";

/// A control group that has a share of a CPU. It is removed when it is dropped, and must be empty then.
#[derive(Debug)]
pub struct CpuShare {
    folder: PathBuf,
}

impl CpuShare {
    /// The share of so many MB. Most machines let root alone make a group.
    pub fn of_memory(memory: u32) -> Result<Self> {
        let quota = PERIOD * u64::from(memory) / MB_OF_ONE_CPU;
        let root = Path::new(GROUPS);
        let name = format!("user-sessions-bench-{}", process::id());
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
    pub(super) fn take_in(&self, id: u32) -> Result<()> {
        let file = self.folder.join("cgroup.procs");
        fs::write(&file, id.to_string()).with_context(|| format!("writing {}", file.display()))
    }
}

impl Drop for CpuShare {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}
