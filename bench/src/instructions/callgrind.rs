//! Valgrind's callgrind, which runs a program and counts its instructions, those of the kernel left out.

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// The version, as it says of itself.
pub(super) fn version() -> Result<String> {
    let version = Command::new("valgrind").arg("--version").output();
    let version = version.context("valgrind cannot be run: Debian and Ubuntu have a package of that name")?;
    Ok(String::from_utf8_lossy(&version.stdout).trim().to_owned())
}

/// How many instructions the program takes for so many runs of what it knows by that name.
pub(super) fn counted(program: &Path, name: &str, runs: u32, folder: &Path) -> Result<u64> {
    let kept = folder.join(format!("{name}.{runs}.out"));
    let run = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", kept.display()))
        .arg(program)
        .args([name, &runs.to_string()])
        // A variable of the environment is read, so that each has its instructions.
        .env_clear()
        .envs(env::var_os("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .context("valgrind cannot be run")?;
    let said = String::from_utf8_lossy(&run.stderr);
    ensure!(run.status.success(), "{name} failed: {}\n{said}", run.status);
    total(&said).with_context(|| format!("valgrind told no number of instructions:\n{said}"))
}

/// Of `==123== Collected : 456`.
fn total(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.split_once("Collected :"));
    line.and_then(|(_, number)| number.split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_that_of_the_line_that_tells_it() {
        let said =
            "==9== Callgrind\n==9== Events    : Ir\n==9== Collected : 12345678\n==9== \n==9== I refs: 1,2\n";
        assert_eq!(total(said), Some(12_345_678));
        assert_eq!(total("==9== Callgrind\n"), None);
    }
}
