//! What the functions share: the rules of a session's life ([`session`]), their storage ([`store`]), the operations
//! made of both ([`lifecycle`]), and the start-up of a function ([`serve()`]). It knows no function.

pub mod app;
pub mod caller;
mod chain;
pub mod clock;
mod connection;
pub mod counters;
pub mod error;
pub mod id;
pub mod input;
pub mod lifecycle;
pub mod logging;
pub mod metrics;
pub mod reply;
mod retry;
mod serve;
pub mod session;
pub mod store;

pub use app::App;
pub use error::ApiError;
pub use serve::{answer, serve, serve_stream};
