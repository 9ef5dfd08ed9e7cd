//! The operations on sessions. Each is a loop around one conditional write. The record that refused it decides what
//! comes next, and after any failure the loop looks again, so that tabs, retries, lost responses and crashes all end in
//! the same place.

mod end;
mod engage;
mod get;
mod heartbeat;
mod keep_alive;
mod list;
mod login;

pub use self::{
    end::{end, end_all, end_others},
    engage::engage,
    get::{Found, Phase, get},
    heartbeat::{Heartbeat, heartbeat},
    list::{Listed, count_live, list},
    login::{login, login_once},
};
