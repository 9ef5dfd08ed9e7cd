//! The API as its callers see it: black-box tests over HTTP through the gateway, each with a server of its own.

#![expect(clippy::unwrap_used, reason = "in a test, helpers included, it is the assertion")]
#![expect(clippy::cloned_ref_to_slice_refs, reason = "a list of one id reads as such")]
#![expect(unreachable_pub, reason = "the tests are one program")]

mod authorizer;
mod chains;
mod clients;
mod conditions;
mod cors;
mod costs;
mod counters;
mod deadlines;
mod demo;
mod documents;
mod end_all;
mod errors;
mod events;
mod faults;
mod foreign_pages;
mod frontend;
mod gateway;
mod get_session;
mod limits;
mod logs;
mod metrics;
mod model;
mod openapi;
mod pages;
mod permissions;
mod program;
mod races;
mod recount;
mod repeated_login;
mod rollup;
mod rules;
mod sample;
mod sign_in;
mod support;
mod upgrade;
mod user;
