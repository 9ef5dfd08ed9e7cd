//! The functions' own binaries in limits like Lambda's, on one machine: a Runtime API, the memory and the time that the
//! template gives, and an embedded DynamoDB that holds more sessions than anybody should have. And how many instructions
//! they take, which needs none of that. Never deployed.
//!
//! And the local server under load, in `server`; and the instructions that functions take.
//!
//! Imports run downward: `scenarios` knows `lambda`, `report` and `sessions`; the rest know none.

pub mod instructions;
pub mod lambda;
mod report;
pub mod scenarios;
pub mod server;
mod sessions;
