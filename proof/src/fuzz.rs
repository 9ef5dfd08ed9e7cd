//! Made-up inputs: each target of `targets` under libFuzzer, which keeps what reaches something new and goes on from there.
//!
//! `proof/fuzz` is built for that, by the stable compiler and with a C++ compiler; it is one program for all targets. Each
//! runs as a process of its own with a share of the time. What it keeps is in `target/fuzz/corpora`, and the next run goes on
//! from there and from `proof/corpora`; an input that breaks a promise is in `target/fuzz/broken`, and belongs into
//! `proof/corpora`, where the tests of `targets` feed it again.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use targets::{ALL, Target};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::run::Run;

/// No target needs more memory, in MiB: what it leaves behind is thrown away now and then.
const MEMORY: u32 = 512;

/// No input takes longer, in seconds.
const SLOWEST: u32 = 20;

/// What a longer report would hide.
const LAST_LINES: usize = 40;

/// What a run is to do.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Feed this target alone; may be given again. Without it all of them in turn
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// End a target after so many inputs [default: 10,000, or as many as there are minutes for]
    #[arg(long, value_name = "NUMBER")]
    executions: Option<u64>,
}

/// Inputs of each target in a run for which nothing else is said.
const SHORT: u64 = 10_000;

pub(crate) async fn run(options: Options, run: &Run) -> Result<()> {
    let chosen = chosen(&options.target)?;
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("there is no folder of the workspace")?;
    run.say("building proof/fuzz, which takes minutes the first time");
    let program = build(root).await?;
    // The time is the targets': what the build took of it is as much as the machine has to do beside.
    let end = run.limit().map(|limit| Instant::now() + limit);
    let mut wait = chosen.len();
    for (number, target) in (0_u64..).zip(chosen) {
        // An equal share of what is left: a target that is done early leaves its time to the others.
        let share =
            end.map(|end| (end.saturating_duration_since(Instant::now()).as_secs() / wait as u64).max(1));
        wait -= 1;
        let seed = run.random(number).u32(1..);
        feed(
            root,
            &program,
            target,
            Bounds { executions: run.volume(options.executions, SHORT), share, seed },
            run,
        )
        .await?;
    }
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<Target>> {
    let all = || ALL.map(|target| target.name).join(", ");
    let of_name = |name: &String| {
        let target = ALL.into_iter().find(|target| target.name == name);
        target.with_context(|| format!("there is no target {name}; there are {}", all()))
    };
    if names.is_empty() { Ok(ALL.to_vec()) } else { names.iter().map(of_name).collect() }
}

/// Builds libFuzzer's program; the path of it.
async fn build(root: &Path) -> Result<PathBuf> {
    let folder = root.join("proof/fuzz");
    let version =
        Command::new("rustc").arg("-vV").current_dir(&folder).output().await.context("starting rustc")?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc tells no host")?;
    let target = root.join("target/fuzz");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        // With a target, what is built for this machine's own sake is told from the rest, even if both are the same.
        .args(["build", "--release", "--locked", "--quiet", "--target", host])
        .current_dir(&folder)
        .env("RUSTC_WRAPPER", folder.join("rustc"))
        .env("CARGO_TARGET_DIR", &target)
        .kill_on_drop(true)
        .status()
        .await
        .context("starting cargo")?;
    ensure!(
        status.success(),
        "proof/fuzz cannot be built. It needs a C++ compiler; and its Cargo.lock must be in step with the workspace: \
         `cargo check --manifest-path proof/fuzz/Cargo.toml`"
    );
    Ok(target.join(host).join("release/fuzz"))
}

/// How long a target is fed, and from which seed.
struct Bounds {
    executions: u64,
    share: Option<u64>,
    seed: u32,
}

/// Feeds one target until it breaks or is done.
async fn feed(root: &Path, program: &Path, target: Target, bounds: Bounds, run: &Run) -> Result<()> {
    let Target { name, longest, .. } = target;
    let kept = root.join("target/fuzz/corpora").join(name);
    let broken = root.join("target/fuzz/broken").join(name);
    for folder in [&kept, &broken] {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    let mut command = Command::new(program);
    command.env("TARGET", name).args([
        // libFuzzer's own number for no end.
        format!("-runs={}", i64::try_from(bounds.executions).unwrap_or(-1)),
        format!("-seed={}", bounds.seed),
        format!("-max_total_time={}", bounds.share.unwrap_or_default()),
        format!("-max_len={longest}"),
        format!("-rss_limit_mb={MEMORY}"),
        format!("-timeout={SLOWEST}"),
        format!("-artifact_prefix={}/", broken.display()),
        "-print_final_stats=1".to_owned(),
    ]);
    command.arg(&kept).arg(root.join("proof/corpora").join(name));
    let started =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn();
    let mut child = started.with_context(|| format!("starting {}", program.display()))?;
    let report = child.stderr.take().context("it has no output")?;
    let (mut lines, mut report) = (Vec::new(), BufReader::new(report));
    let mut line = Vec::new();
    while report.read_until(b'\n', &mut line).await? > 0 {
        lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
        // Progress, of which there is much; what says how it ended comes last.
        if lines.len() > 2 * LAST_LINES {
            lines.drain(..LAST_LINES);
        }
    }
    let status = child.wait().await?;
    let statistic = |name: &str| {
        let line = lines.iter().rev().find_map(|line| line.strip_prefix(&format!("stat::{name}:")));
        line.and_then(|number| number.trim().parse::<u64>().ok())
    };
    let executions = statistic("number_of_executed_units");
    run.count(&format!("inputs of {name}"), executions.unwrap_or_default());
    if !status.success() {
        // What a run leaves behind has no paths of this machine.
        run.say(&told(&lines));
        run.broken(format!("{name} ({status}), with this input in base64: {}", input_of(&lines)));
        return Ok(());
    }
    let Some(executions) = executions else {
        bail!("{name} does not tell how much it did: {}", told(&lines))
    };
    ensure!(executions > 0, "{name} was fed with nothing: {}", told(&lines));
    let rate = statistic("average_exec_per_sec").unwrap_or_default();
    let memory = statistic("peak_rss_mb").unwrap_or_default();
    run.say(&format!("{name}: {executions} inputs, {rate} a second, {memory} MiB at the most"));
    Ok(())
}

/// What libFuzzer says at the end.
fn told(lines: &[String]) -> String {
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

/// The input that brought a failure about.
fn input_of(lines: &[String]) -> String {
    let artifact = lines.iter().find_map(|line| line.split_once("Test unit written to "));
    let input = artifact.and_then(|(_, path)| fs::read(path).ok());
    input.map_or_else(|| "none".to_owned(), |input| STANDARD.encode(input))
}
