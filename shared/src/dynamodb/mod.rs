//! What any table needs: a client with its timeouts, a connection that is open before the first request, faults and
//! which of them pass, writes that are all or nothing, and expressions. It knows no table.

mod attempts;
mod batch;
pub mod client;
mod connection;
mod expression;
mod fault;
mod https;
mod retry;
mod transaction;
mod within;

pub(crate) use self::{
    attempts::Attempts,
    batch::{BATCH, get_batch},
    client::Access,
    connection::Connection,
    expression::{ConditionalUpdate, Expression},
    retry::Retries,
    transaction::transact,
    within::within,
};
pub use self::{
    expression::Attributes,
    fault::{Fault, RetryConflicts},
    transaction::Transaction,
};
