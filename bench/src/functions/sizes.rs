//! How large binaries are, and how large they may be.

use std::{collections::BTreeMap, fs, io::Write, path::Path};

use anyhow::{Context, Result};
use flate2::{Compression, write::DeflateEncoder};

/// The most that binaries may have, by the names of their functions. The one place where that is said.
const LIMITS: &str = "bench/sizes.json";

/// A binary, in bytes.
pub(super) struct Size {
    pub(super) name: String,
    pub(super) bytes: usize,
    /// As SAM packs it for Lambda.
    pub(super) zipped: usize,
}

impl Size {
    pub(super) fn of(name: &str, program: &Path) -> Result<Self> {
        let binary = fs::read(program).with_context(|| format!("reading {}", program.display()))?;
        let mut zip = DeflateEncoder::new(Vec::new(), Compression::default());
        zip.write_all(&binary)?;
        Ok(Self { name: name.to_owned(), bytes: binary.len(), zipped: zip.finish()?.len() })
    }
}

/// What is larger than it may be, or has no limit.
pub(super) fn exceeded(sizes: &[Size]) -> Result<Vec<String>> {
    let text = fs::read_to_string(LIMITS).with_context(|| format!("reading {LIMITS}"))?;
    Ok(beyond(sizes, &serde_json::from_str(&text).with_context(|| format!("reading {LIMITS}"))?))
}

fn beyond(sizes: &[Size], limits: &BTreeMap<String, usize>) -> Vec<String> {
    let beyond = sizes.iter().filter_map(|Size { name, bytes, .. }| match limits.get(name) {
        None => Some(format!("{LIMITS} has no limit for {name}, which has {bytes} bytes")),
        Some(limit) if bytes > limit => {
            Some(format!("{name} has {bytes} bytes, and may have {limit} ({LIMITS})"))
        }
        Some(_) => None,
    });
    beyond.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_beyond_its_limit_or_without_one_is_told() {
        let size = |name: &str, bytes| Size { name: name.to_owned(), bytes, zipped: 0 };
        let limits = [("a".to_owned(), 10), ("b".to_owned(), 10)].into();
        let told = beyond(&[size("a", 10), size("b", 11), size("c", 1)], &limits);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("b has 11 bytes") && told[1].contains("no limit for c"), "{told:?}");
    }
}
