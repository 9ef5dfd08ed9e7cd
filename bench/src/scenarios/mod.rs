//! What the functions are put through. Each scenario prints what it does, and is an error if something did not hold.

mod end_others;
mod event;
mod list;
mod login;
mod stage;

pub use self::{end_others::end_others, list::list, login::login, stage::Setup};
