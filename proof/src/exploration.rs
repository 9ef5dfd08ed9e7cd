//! The session protocol's model, explored world by world.

use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use model::{Explored, World, explore, worlds};
use tokio::task::spawn_blocking;

use crate::run::Run;

const NOT_WHOLE: &str = "worlds not explored whole";

/// What a run is to do.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Explore this world alone
    #[arg(long, value_name = "NAME")]
    world: Option<String>,
    /// Lose no more than so many calls, answers and invocations in each: a few are much faster
    #[arg(long, value_name = "NUMBER")]
    faults: Option<u8>,
}

pub(crate) async fn run(options: Options, run: &Run) -> Result<()> {
    let names: Vec<&str> = worlds().iter().map(|world| world.name).collect();
    let is_wanted = |world: &World| options.world.as_deref().is_none_or(|name| name == world.name);
    let wanted: Vec<World> = worlds().into_iter().filter(is_wanted).collect();
    wanted.first().with_context(|| format!("--world is one of {}", names.join(", ")))?;
    run.say("nothing here is random: the seed changes nothing");
    for world in wanted {
        let faults = options.faults.map_or(world.faults, |faults| faults.min(world.faults));
        one(World { faults, ..world }, run).await?;
    }
    if run.counted(NOT_WHOLE) > 0 {
        run.say("nothing is claimed of a world that is NOT whole or was not explored");
    }
    Ok(())
}

async fn one(world: World, run: &Run) -> Result<()> {
    let name = world.name;
    if run.is_over() {
        run.say(&format!("{name}: not explored, the time is over"));
        run.count(NOT_WHOLE, 1);
        return Ok(());
    }
    run.say(&format!("{name}: {}\n    {}", world.about, world.bounds()));
    let (began, left) = (Instant::now(), run.left());
    let Explored { states, steps, depth, is_whole, counterexample } =
        spawn_blocking(move || explore(world, left)).await?;
    let seconds = began.elapsed().as_secs_f64();
    let whole = if is_whole { "whole" } else { "NOT whole" };
    run.say(&format!("    {whole}: {states} states, {steps} steps, {depth} deep, {seconds:.1} s"));
    run.count("states", u64::try_from(states)?);
    run.count("steps", u64::try_from(steps)?);
    run.count(if is_whole { "worlds explored whole" } else { NOT_WHOLE }, 1);
    if let Some(found) = counterexample {
        let (promise, trace) = (found.promise, found.trace.join("\n"));
        run.broken(format!("{promise:?} in the world {name}: --world {name}\n{trace}"));
    }
    Ok(())
}
