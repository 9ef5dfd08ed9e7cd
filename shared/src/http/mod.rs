//! Requests and answers: what the gateway hands over ([`event`]), who calls ([`caller`]), what a request carries
//! ([`input`]), who may read metrics ([`reader`]), what an answer looks like ([`reply`], [`session_view`]), and the one map
//! from errors to statuses.

pub mod caller;
mod device;
mod error;
pub mod event;
pub mod input;
pub mod reader;
pub mod reply;
pub mod session_view;

pub use self::error::ApiError;
