//! What the functions share. Rooms with walls, each of which knows those below it and none above:
//!
//! [`serve()`] starts a function. [`http`] knows who calls and what an answer looks like. [`metrics`] counts sessions.
//! [`sessions`] has the rules of a session's life, their storage and the operations made of both. [`dynamodb`] is what
//! any table needs. [`settings`], [`counters`], [`logging`], [`clock`] and [`id`] are below all. None knows a function.

pub mod clock;
pub mod counters;
pub mod dynamodb;
pub mod http;
pub mod id;
#[cfg(test)]
mod imports;
pub mod logging;
pub mod metrics;
mod serve;
pub mod sessions;
pub mod settings;

pub use self::serve::{answer, serve, serve_stream, serve_without_table};
