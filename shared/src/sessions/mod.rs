//! Sessions: the [`rules`] of their life, which are pure; what a write demands ([`conditions`]) and does
//! ([`changes`]), as data with two readings; the [`Store`] that sends them; and the [`operations`] made of all that.
//!
//! Nothing here speaks HTTP: an operation tells what happened, a [`SessionError`] included.

mod active;
mod app;
mod chain;
pub mod changes;
mod client_policy;
pub mod conditions;
mod error;
pub(crate) mod image;
pub mod item;
mod journal;
mod limits;
pub mod operations;
pub mod rules;
pub mod standing;
mod store;
mod successor;
mod visit;

pub use self::{
    app::{App, Settings},
    client_policy::{ClientPolicy, Kept},
    error::{Malformed, SessionError, StoreError},
    limits::MostRecent,
    store::{Records, Store, Write},
    visit::Visit,
};
