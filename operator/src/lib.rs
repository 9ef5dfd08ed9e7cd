//! Commands for those who run a deployment: count the sessions and mend the metrics ([`recount`]), write out or erase
//! what is stored of a user, or end their sessions ([`user`]).
//!
//! They need a client of the deployment's DynamoDB and a few of its settings ([`Deployment`]), and no template: the
//! program `operator` gets those from its command line (the module `program`, behind the feature `stack`), the local
//! server from what it serves. Both take the same [`Command`]. The program alone looks at a stack as a whole (the module
//! `check`).

#[cfg(feature = "stack")]
pub mod check;
pub mod commands;
mod deployment;
mod fault;
mod patience;
#[cfg(feature = "stack")]
pub mod program;
pub mod recount;
pub mod user;

pub use commands::Command;
pub use deployment::Deployment;
pub use patience::patient;
