//! What the service takes, never deployed: the functions' own binaries in limits like Lambda's, with an embedded DynamoDB
//! (`functions`, and `scenarios` with more sessions than anybody should have); the local server under load (`server`); and
//! how many instructions functions take (`instructions`).
//!
//! Imports run downward: those four know `connection`, `lambda`, `report`, `sessions` and `tls`, and those know none.

pub mod connection;
pub mod functions;
pub mod instructions;
pub mod lambda;
mod report;
pub mod scenarios;
pub mod server;
mod sessions;
mod tls;
