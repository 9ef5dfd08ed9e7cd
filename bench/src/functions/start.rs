//! Each function started once, over TLS, with one invocation; and its size, which does not depend on the machine.

use std::{io::Write, path::PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use super::{
    run::{Share, run},
    sizes::{Size, exceeded},
    stage::Stage,
};

/// What is started.
#[derive(Args, Clone, Debug)]
pub struct StartSetup {
    /// Where the functions' binaries are, as NAME or NAME/bootstrap
    #[arg(long, value_name = "DIR", default_value = "target/lambda")]
    pub binaries: PathBuf,
}

/// Starts them, and fails if one does not answer or is larger than it may be.
pub async fn start(setup: &StartSetup, out: &mut dyn Write) -> Result<()> {
    let stage = Stage::set().await?;
    let mut sizes = Vec::new();
    writeln!(out, "{:<28} {:>9} {:>9} {:>9} {:>9}", "", "init", "first", "bytes", "zipped")?;
    for name in stage.names() {
        let subject = stage.function(&name, &setup.binaries).await?;
        let run = run(&subject, Share::Whole, 0).await?;
        let size = Size::of(&name, &subject.program)?;
        let (init, first) = (run.init.as_micros(), run.first.as_micros());
        writeln!(out, "{name:<28} {init:>6} us {first:>6} us {:>9} {:>9}", size.bytes, size.zipped)?;
        sizes.push(size);
    }
    let exceeded = exceeded(&sizes)?;
    for line in &exceeded {
        writeln!(out, "FAILED: {line}")?;
    }
    if !exceeded.is_empty() {
        bail!("{} binaries are too large", exceeded.len());
    }
    Ok(writeln!(out, "All of them start, and none is too large.")?)
}
