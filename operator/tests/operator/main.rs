//! The program as its user meets it, against a local server's engine, and services of AWS that are played.

#![expect(clippy::unwrap_used, reason = "in a test, helpers included, it is the assertion")]
#![expect(unreachable_pub, reason = "the tests are one program")]

mod check;
mod cloud;
mod consent;
mod deployment;
mod errors;
mod policies;
mod settings;
mod stack;
mod support;
