//! `counted NAME TIMES`: has a function answer the same event so many times, from the text of the event to the text of the
//! answer. Gateway, runtime, connection and engine are left out: in their place are texts that are ready before.
//!
//! `bench instructions` counts its instructions, of many times and of few: the difference is that of the times between,
//! without start-up.

mod engine;
mod function;
mod sessions;
mod stream;

use std::env;

use anyhow::{Context, Result, bail};

use crate::function::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, times] = arguments.as_slice() else { bail!("usage: counted NAME TIMES") };
    let times = times.parse().context("TIMES is a number")?;
    let function = Function::start()?;
    match name.as_str() {
        "heartbeat" => sessions::heartbeat(function, times).await,
        "login" => sessions::login(function, times).await,
        "list" => sessions::list(function, times).await,
        "rollup" => stream::rollup(function, times).await,
        _ => bail!("there is no {name}: it is heartbeat, login, list or rollup"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each looks at its answer. They are one test, because a process starts once.
    #[tokio::test]
    async fn all_that_is_counted_is_what_it_says() {
        let function = Function::start().unwrap();
        sessions::heartbeat(function, 2).await.unwrap();
        sessions::login(function, 2).await.unwrap();
        sessions::list(function, 2).await.unwrap();
        stream::rollup(function, 2).await.unwrap();
    }
}
