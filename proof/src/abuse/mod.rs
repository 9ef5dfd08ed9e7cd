//! Hostile callers beside honest ones.

use anyhow::Result;
use clap::Args;

use crate::run::Run;

/// What a run is to do.
#[derive(Args, Clone, Debug)]
pub struct Options {}

pub(crate) async fn run(_: Options, _: &Run) -> Result<()> {
    Ok(())
}
