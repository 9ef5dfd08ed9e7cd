//! The session protocol as a model, which is explored whole within bounds.
//!
//! What is stored, what a write demands and does, what a record means, and which sessions are the most recent, is the
//! service's own code: its conditions, changes, standings and rules. Here are the operations, as steps between which
//! anything may happen: other clients, lost calls and answers, clocks that differ, time, purging. A [`World`] has the
//! bounds, a [`Promise`] is what must hold, and a [`Break`] is a rule that is broken on purpose.
//!
//! What the model leaves out: the limit of starts within an hour, the SDK's own repeats of a call, pages of the index, the
//! order in which writes arrive that are sent at once, and who counts and logs what. It says nothing of DynamoDB's reading
//! of a condition, for which the tests ask an engine.

mod breaks;
mod explore;
mod history;
mod invocation;
mod look;
mod others;
mod promise;
mod protocol;
mod state;
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
