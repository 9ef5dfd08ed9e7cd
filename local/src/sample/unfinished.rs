//! The mark of a sample that is being written: data that is half there looks like data.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

const FILE: &str = "sample-data.unfinished";

/// A file beside the data, which is there until all of the sample is.
pub(crate) struct Unfinished(Option<PathBuf>);

impl Unfinished {
    /// Refuses a folder in which a sample was begun and not finished.
    pub(crate) fn refuse(folder: &Path) -> Result<()> {
        ensure!(
            !folder.join(FILE).exists(),
            "the sample data in {} is not complete: its making was interrupted. Delete that folder and make it anew.",
            folder.display()
        );
        Ok(())
    }

    /// Marks a folder; data in memory is gone by itself.
    pub(crate) fn begin(folder: Option<&Path>) -> Result<Self> {
        let Some(folder) = folder else { return Ok(Self(None)) };
        let file = folder.join(FILE);
        fs::write(&file, "").with_context(|| format!("writing {}", file.display()))?;
        Ok(Self(Some(file)))
    }

    /// All is there.
    pub(crate) fn done(self) -> Result<()> {
        match self.0 {
            None => Ok(()),
            Some(file) => fs::remove_file(&file).with_context(|| format!("removing {}", file.display())),
        }
    }
}
