//! The program as its user meets it, against a local server's engine and a CloudFormation that is played.

#![expect(clippy::unwrap_used, reason = "in a test, helpers included, it is the assertion")]
#![expect(unreachable_pub, reason = "the tests are one program")]

mod consent;
mod errors;
mod policies;
mod settings;
mod stack;
mod support;
