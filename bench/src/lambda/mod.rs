//! Lambda, as far as a function can tell: it asks the Runtime API for its next invocation, has so much memory and time,
//! and is killed when it wants more.

mod cpu;
mod environment;
mod process;
mod runtime_api;

pub use self::{
    cpu::CpuShare,
    environment::{Invoked, Lambda},
    process::{Function, Outcome},
};
pub(crate) use self::{
    cpu::MB_OF_ONE_CPU,
    process::{cpu_time, most_resident},
};
