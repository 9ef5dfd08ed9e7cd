//! The functions' own binaries in limits like Lambda's, on one machine: a Runtime API, the memory and the time that the
//! template gives, and an embedded DynamoDB that holds more sessions than anybody should have. Never deployed.
//!
//! And the local server under load, in `server`.
//!
//! Imports run downward: `scenarios` knows `lambda`, `report` and `sessions`, and those know none; nor does `server`.

pub mod lambda;
mod report;
pub mod scenarios;
pub mod server;
mod sessions;
