//! The session protocol as a model.

mod breaks;
mod explore;
mod history;
mod invocation;
mod look;
mod others;
mod promise;
mod protocol;
mod table;
mod world;
mod worlds;

pub use self::{
    breaks::Break,
    explore::{Counterexample, Explored, explore, shortest},
    promise::Promise,
    world::{Ask, Role, World},
    worlds::worlds,
};
