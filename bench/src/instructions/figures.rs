//! How many instructions there were, and what they were counted of: what the baseline holds.

use std::{env, fmt::Write, fs, path::Path, process::Command};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Instructions, percent};

/// More than that many percent more or fewer are a change of the code, and not one of the machine.
const TOLERATED: f64 = 5.0;

/// Figures of one tree on one architecture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Figures {
    /// As in `x86_64`.
    pub(super) architecture: String,
    /// What `rustc --version` says.
    pub(super) toolchain: String,
    /// The SHA-256 of `Cargo.lock`.
    pub(super) lock: String,
    pub(super) instructions: Instructions,
}

/// What figures say beside those of the baseline.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) failures: Vec<String>,
    pub(super) remarks: Vec<String>,
}

impl Figures {
    /// Those of what is here, which has yet to be counted.
    pub(super) fn of_this_tree(lock: &Path) -> Result<Self> {
        let lock = fs::read(lock).with_context(|| format!("reading {}", lock.display()))?;
        let toolchain = Command::new("rustc").arg("--version").output().context("rustc cannot be run")?;
        Ok(Self {
            architecture: env::consts::ARCH.to_owned(),
            toolchain: String::from_utf8_lossy(&toolchain.stdout).trim().to_owned(),
            lock: hex(&Sha256::digest(lock)),
            instructions: Instructions::new(),
        })
    }

    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))
    }

    /// These beside the baseline, of the same architecture.
    pub(super) fn against(&self, baseline: &Self) -> Verdict {
        let mut verdict = Verdict::default();
        if self.lock != baseline.lock {
            verdict.failures.push("the baseline is of another Cargo.lock".to_owned());
        }
        if self.toolchain != baseline.toolchain {
            verdict.failures.push(format!("the baseline is of {}", baseline.toolchain));
        }
        for (name, now) in &self.instructions {
            let Some(before) = baseline.instructions.get(name) else {
                verdict.failures.push(format!("the baseline has no {name}"));
                continue;
            };
            let change = percent(*now, *before);
            if change > TOLERATED {
                verdict.failures.push(format!("{name} takes {change:.1} % more than the baseline says"));
            } else if change < -TOLERATED {
                let fewer = -change;
                verdict
                    .remarks
                    .push(format!("{name} takes {fewer:.1} % less: a new baseline would keep it so"));
            }
        }
        verdict
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(heartbeat: u64) -> Figures {
        Figures {
            architecture: "x86_64".to_owned(),
            toolchain: "rustc 1.95.0".to_owned(),
            lock: "00".to_owned(),
            instructions: [("heartbeat".to_owned(), heartbeat)].into(),
        }
    }

    #[test]
    fn up_to_5_percent_more_are_tolerated() {
        assert_eq!(figures(105_000).against(&figures(100_000)), Verdict::default());
        let verdict = figures(106_000).against(&figures(100_000));
        assert_eq!(verdict.failures, ["heartbeat takes 6.0 % more than the baseline says"]);
    }

    #[test]
    fn more_than_5_percent_fewer_are_told_and_no_failure() {
        assert_eq!(figures(95_001).against(&figures(100_000)), Verdict::default());
        let verdict = figures(90_000).against(&figures(100_000));
        assert_eq!(verdict.failures, [] as [String; 0]);
        assert_eq!(verdict.remarks, ["heartbeat takes 10.0 % less: a new baseline would keep it so"]);
    }

    #[test]
    fn a_baseline_of_another_lock_file_or_toolchain_fails() {
        let other = Figures { lock: "ff".to_owned(), ..figures(100) };
        assert_eq!(figures(100).against(&other).failures, ["the baseline is of another Cargo.lock"]);
        let other = Figures { toolchain: "rustc 1.94.0".to_owned(), ..figures(100) };
        assert_eq!(figures(100).against(&other).failures, ["the baseline is of rustc 1.94.0"]);
    }

    #[test]
    fn what_the_baseline_does_not_have_fails() {
        let other = Figures { instructions: Instructions::new(), ..figures(100) };
        assert_eq!(figures(100).against(&other).failures, ["the baseline has no heartbeat"]);
    }
}
