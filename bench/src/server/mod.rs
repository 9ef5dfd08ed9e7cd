//! The local server under load, beside what it is measured by: the engine alone, a route that does nothing, and what many
//! applications have.
//!
//! All of them are processes of their own. The load comes from one thread of this one, so that a machine of two cores has
//! one to spare for what is measured.

mod apps;
mod child;
mod endurance;
mod floor;
mod load;
mod rounds;
mod table;

pub use self::{
    apps::{Programs, engine},
    endurance::{Endurance, endurance},
    rounds::{Rounds, rounds},
};
