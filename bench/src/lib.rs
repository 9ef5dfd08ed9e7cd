//! The functions' own binaries in limits like Lambda's, on one machine: a Runtime API, the memory and the time that the
//! template gives, and an embedded DynamoDB that holds more sessions than anybody should have. Never deployed.
//!
//! Imports run downward: `scenarios` knows all others, and those know none.

pub mod lambda;
mod report;
pub mod scenarios;
mod sessions;
