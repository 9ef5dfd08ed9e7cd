//! Where mutants are built: a copy of the sources, which are never touched themselves, and a folder of its own for what
//! Cargo makes of it, which begins with the dependencies that the repository's has.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::cargo;

pub(super) struct Build {
    pub(super) sources: PathBuf,
    pub(super) target: PathBuf,
    /// What cargo-mutants tells of its last run, with a log and a diff of each mutant.
    pub(super) outcomes: PathBuf,
}

/// How Cargo runs tests there.
const UNTIL_FAILURE: &str = "[target.'cfg(unix)']\nrunner = \"proof/src/mutants/until-failure.sh\"\n";

impl Build {
    /// Makes the copy what the repository is now.
    pub(super) fn prepare() -> Result<Self> {
        let (root, folder) = (cargo::root()?, cargo::folder()?);
        let build = Self {
            sources: folder.join("sources"),
            target: folder.join("target"),
            outcomes: folder.join("outcomes"),
        };
        fs::create_dir_all(&build.outcomes)?;
        mirror(&root, &build.sources)?;
        fs::create_dir_all(build.sources.join(".cargo"))?;
        fs::write(build.sources.join(".cargo/config.toml"), UNTIL_FAILURE)?;
        if !build.target.exists() {
            adopt(&root.join("target/debug"), &build.target.join("debug"))?;
        }
        Ok(build)
    }
}

/// Brings to the copy what is not the same there, a mutant that was left for example, and takes away what is no more.
/// What is the same keeps its time, so that it is not built again.
fn mirror(from: &Path, to: &Path) -> Result<()> {
    let files = files(from)?;
    for file in &files {
        let (here, there) = (from.join(file), to.join(file));
        let Ok(now) = fs::read(&here) else { continue };
        if fs::read(&there).is_ok_and(|copied| copied == now) {
            continue;
        }
        fs::create_dir_all(there.parent().context("a file without a folder")?)?;
        fs::copy(&here, &there).with_context(|| format!("copying {}", here.display()))?;
    }
    let manifest = to.join(".files");
    let before = fs::read_to_string(&manifest).unwrap_or_default();
    for gone in before.lines().filter(|file| !files.iter().any(|kept| kept == file)) {
        fs::remove_file(to.join(gone)).or_else(absent)?;
    }
    Ok(fs::write(manifest, files.join("\n"))?)
}

/// What git has, and what is new and not ignored.
fn files(root: &Path) -> Result<Vec<String>> {
    let listed = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("git cannot be run")?;
    ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let text = String::from_utf8(listed.stdout)?;
    Ok(text.split_terminator('\0').filter(|file| root.join(file).is_file()).map(str::to_owned).collect())
}

fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Links what Cargo has compiled, and copies what it writes about it, with the times by which it tells what is fresh.
/// What is of no use there, is built again.
fn adopt(from: &Path, to: &Path) -> Result<()> {
    for folder in [".fingerprint", "build", "deps"] {
        adopt_folder(&from.join(folder), &to.join(folder))?;
    }
    Ok(())
}

fn adopt_folder(from: &Path, to: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(from) else { return Ok(()) };
    fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        let (here, there) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            adopt_folder(&here, &there)?;
        } else if is_library(&here) {
            // Cargo and rustc never write into one, they replace it.
            fs::hard_link(&here, &there).or_else(|_| copy(&here, &there))?;
        } else if here.extension().is_some() || !from.ends_with("deps") {
            copy(&here, &there)?;
        }
    }
    Ok(())
}

fn is_library(file: &Path) -> bool {
    file.extension()
        .is_some_and(|extension| ["rlib", "rmeta", "so", "dylib", "dll"].iter().any(|one| extension == *one))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_modified(fs::metadata(from)?.modified()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(folder: &Path, arguments: &[&str]) {
        assert!(Command::new("git").current_dir(folder).args(arguments).status().unwrap().success());
    }

    #[test]
    fn the_copy_is_what_git_would_have() {
        let folder = std::env::temp_dir().join(format!("mirror-{}", std::process::id()));
        let (from, to) = (folder.join("from"), folder.join("to"));
        fs::create_dir_all(from.join("sub")).unwrap();
        for (file, text) in
            [("kept.rs", "kept"), ("sub/gone.rs", "gone"), (".gitignore", "*.log"), ("a.log", "")]
        {
            fs::write(from.join(file), text).unwrap();
        }
        git(&from, &["init", "-q"]);
        git(&from, &["add", "kept.rs"]);
        mirror(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("sub/gone.rs")).unwrap(), "gone");
        assert!(!to.join("a.log").exists());

        let before = fs::metadata(to.join(".gitignore")).unwrap().modified().unwrap();
        fs::write(to.join("kept.rs"), "a mutant that was left").unwrap();
        fs::remove_file(from.join("sub/gone.rs")).unwrap();
        mirror(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("kept.rs")).unwrap(), "kept");
        assert!(!to.join("sub/gone.rs").exists());
        assert_eq!(fs::metadata(to.join(".gitignore")).unwrap().modified().unwrap(), before);
        fs::remove_dir_all(&folder).unwrap();
    }
}
