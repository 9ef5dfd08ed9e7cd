//! The API as its callers see it: black-box tests over HTTP through the gateway, each with a server of its own.

#![expect(missing_docs, reason = "the names of tests are sentences")]
#![expect(unreachable_pub, reason = "the tests are one program")]
#![expect(clippy::float_cmp, reason = "units are exact in binary: 0, 0.5, 1, ...")]

mod authorizer;
mod chains;
mod costs;
mod errors;
mod events;
mod faults;
mod frontend;
mod gateway;
mod model;
mod races;
mod rules;
mod support;
