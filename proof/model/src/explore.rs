//! Explores a world whole, and tells what it found.

use std::time::{Duration, Instant};

use stateright::{Checker, Model};

use crate::{
    promise::Promise,
    protocol::{PROMISES, Protocol},
    world::World,
};

/// What an exploration found.
#[derive(Clone, Debug)]
pub struct Explored {
    /// How many states there are.
    pub states: usize,
    /// How many steps lead from one to another, or to one that was known.
    pub steps: usize,
    /// The longest way that was gone.
    pub depth: usize,
    /// Whether all states within the bounds were seen.
    pub is_whole: bool,
    /// What did not hold.
    pub counterexample: Option<Counterexample>,
}

/// A way to a state in which a promise is broken.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// What is broken.
    pub promise: Promise,
    /// What happened, a line for each step, and the state after the last.
    pub trace: Vec<String>,
}

/// Explores `world`, for no longer than `time`. It goes deep first, which takes less memory.
#[must_use]
pub fn explore(world: World, time: Option<Duration>) -> Explored {
    let began = Instant::now();
    let mut checker = Protocol { world }.checker().threads(2);
    if let Some(time) = time {
        checker = checker.timeout(time);
    }
    let is_over = || time.is_some_and(|time| began.elapsed() >= time);
    explored(&checker.spawn_dfs().join(), is_over)
}

/// Looks for the shortest way to a state in which a promise is broken.
#[must_use]
pub fn shortest(world: World) -> Explored {
    explored(&Protocol { world }.checker().spawn_bfs().join(), || false)
}

fn explored(checker: &impl Checker<Protocol>, is_over: impl Fn() -> bool) -> Explored {
    let counterexample = checker.discovery(PROMISES).and_then(|path| {
        let last = path.last_state();
        let promise = last.history.broken?;
        let mut trace = vec![last.told()];
        let steps = path.into_vec();
        let steps =
            steps.iter().rev().filter_map(|(state, action)| Some(checker.model().told(state, (*action)?)));
        trace.extend(steps);
        trace.reverse();
        Some(Counterexample { promise, trace })
    });
    Explored {
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        is_whole: counterexample.is_none() && !is_over(),
        counterexample,
    }
}
