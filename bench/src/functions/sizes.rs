//! How large binaries are, and how large they may be.

use std::{collections::BTreeMap, env::consts::ARCH, fs, io::Write, path::Path};

use anyhow::{Context, Result};
use flate2::{Compression, write::DeflateEncoder};

/// The most that binaries may have, by architecture and the names of their functions. The one place where that is said.
const LIMITS: &str = "bench/sizes.json";

/// The most that any may have as Lambda keeps it.
const MOST_ZIPPED: usize = 2_500_000;

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

/// What is larger than it may be, or has no limit; nothing on an architecture of which there are no limits.
pub(super) fn exceeded(sizes: &[Size]) -> Result<Vec<String>> {
    let text = fs::read_to_string(LIMITS).with_context(|| format!("reading {LIMITS}"))?;
    let limits: BTreeMap<String, BTreeMap<String, usize>> =
        serde_json::from_str(&text).with_context(|| format!("reading {LIMITS}"))?;
    Ok(limits.get(ARCH).map(|limits| beyond(sizes, limits)).unwrap_or_default())
}

fn beyond(sizes: &[Size], limits: &BTreeMap<String, usize>) -> Vec<String> {
    let beyond = sizes.iter().filter_map(|Size { name, bytes, zipped }| match limits.get(name) {
        _ if *zipped > MOST_ZIPPED => {
            Some(format!("{name} has {zipped} bytes zipped, and may have {MOST_ZIPPED}"))
        }
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
        let size = |name: &str, bytes, zipped| Size { name: name.to_owned(), bytes, zipped };
        let limits = [("a".to_owned(), 10), ("b".to_owned(), 10)].into();
        let sizes = [size("a", 10, MOST_ZIPPED), size("b", 11, 0), size("c", 1, 0), size("a", 1, 9_999_999)];
        let told = beyond(&sizes, &limits);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[2].contains("9999999 bytes zipped"), "{told:?}");
        assert!(told[0].contains("b has 11 bytes") && told[1].contains("no limit for c"), "{told:?}");
    }
}
