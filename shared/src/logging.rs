//! Structured logs: JSON lines with `timestamp` and `level` on Lambda, readable lines elsewhere.

use std::{
    env,
    io::{self, IsTerminal},
};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    id::UserId,
    settings::{Environment, SettingsError},
};

/// How log lines name users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserNames {
    /// By a digest of the `sub`.
    Hash,
    /// By the `sub`.
    Plain,
}

impl UserNames {
    /// What `LOG_USER_ID` says.
    pub fn read(environment: &Environment<'_>) -> Result<Self, SettingsError> {
        match environment.text("LOG_USER_ID").as_str() {
            "" | "hash" => Ok(Self::Hash),
            "plain" => Ok(Self::Plain),
            value => {
                let (name, expected) = ("LOG_USER_ID", "hash or plain");
                Err(SettingsError::Invalid { name, expected, value: value.to_owned() })
            }
        }
    }

    /// The user as logs name it.
    #[must_use]
    pub fn name(self, user: &UserId) -> String {
        match self {
            Self::Hash => user.digest(),
            Self::Plain => user.as_str().to_owned(),
        }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, which Lambda and CloudWatch read.
    Json,
    /// For people, on standard error.
    Text,
}

/// Starts logging at the level that `LOG_LEVEL` names, which is `info` without one. A second call changes nothing.
///
/// The level is that of this crate and of `crates`, named as in module paths (`list_sessions`). The others only tell of
/// trouble: what the SDK and the runtime print when they explain themselves can hold a whole event.
pub fn start(format: Format, crates: impl IntoIterator<Item: Into<String>>) -> Result<(), SettingsError> {
    let level = match env::var("LOG_LEVEL").ok().filter(|value| !value.is_empty()) {
        None => LevelFilter::INFO,
        Some(value) => value.parse().map_err(|_| {
            let (name, expected) = ("LOG_LEVEL", "error, warn, info, debug, trace or off");
            SettingsError::Invalid { name, expected, value }
        })?,
    };
    let others = match format {
        Format::Json => LevelFilter::WARN,
        // An engine in this process warns of every condition that does not hold.
        Format::Text => LevelFilter::ERROR,
    };
    let filter = Targets::new().with_default(others).with_target(env!("CARGO_CRATE_NAME"), level);
    let filter = filter.with_targets(crates.into_iter().map(|name| (name.into(), level)));
    let lines = match format {
        Format::Json => fmt::layer().json().flatten_event(true).with_span_list(false).boxed(),
        Format::Text => fmt::layer()
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .with_writer(io::stderr)
            .boxed(),
    };
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    Ok(())
}
