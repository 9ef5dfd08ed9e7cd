//! Structured logs: JSON lines with `timestamp` and `level` on Lambda, readable lines elsewhere.

use std::{
    env, fmt,
    io::{self, IsTerminal},
};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt::layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    id::UserId,
    settings::{Environment, SettingsError},
};

/// How log lines name users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserNames {
    /// By a digest of the `sub`, which whoever knows a `sub` can make.
    Hash,
    /// By a digest of the `sub` that takes a key.
    KeyedHash(DigestKey),
    /// By the `sub`.
    Plain,
}

impl UserNames {
    /// What `LOG_USER_ID` says.
    pub fn read(environment: &Environment<'_>) -> Result<Self, SettingsError> {
        match environment.text("LOG_USER_ID").as_str() {
            "" | "hash" => Ok(DigestKey::read(environment)?.map_or(Self::Hash, Self::KeyedHash)),
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
            Self::KeyedHash(key) => user.keyed_digest(&key.0),
            Self::Plain => user.as_str().to_owned(),
        }
    }
}

/// The key of [`UserNames::KeyedHash`], as HMAC takes it: filled up with zeros to a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DigestKey([u8; 64]);

impl DigestKey {
    /// What `LOG_USER_ID_KEY` says.
    fn read(environment: &Environment<'_>) -> Result<Option<Self>, SettingsError> {
        let text = environment.text("LOG_USER_ID_KEY");
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() < 32 || text.len() > 64 {
            let (name, expected) = ("LOG_USER_ID_KEY", "32 to 64 bytes long");
            return Err(SettingsError::Invalid { name, expected, value: "(a secret)".to_owned() });
        }
        let mut key = [0; 64];
        key[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Some(Self(key)))
    }
}

/// Without the key, so that none reaches a log.
impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey")
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
        Format::Json => layer().json().flatten_event(true).with_span_list(false).boxed(),
        Format::Text => {
            layer().with_target(false).with_ansi(io::stderr().is_terminal()).with_writer(io::stderr).boxed()
        }
    };
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(variables: &[(&str, &str)]) -> Result<UserNames, SettingsError> {
        let find = |name: &str| variables.iter().find(|variable| variable.0 == name);
        UserNames::read(&Environment::new(&|name| find(name).map(|variable| variable.1.to_owned())))
    }

    #[test]
    fn a_key_makes_a_digest_that_needs_it() {
        let user: UserId = "auth0|ann".parse().unwrap();
        let name = |variables: &[(&str, &str)]| names(variables).unwrap().name(&user);
        let key = "0123456789abcdef0123456789abcdef";
        // As `printf %s 'auth0|ann' | openssl dgst -sha256 -hmac KEY` says, and without a key as `sha256sum`.
        assert_eq!(name(&[("LOG_USER_ID_KEY", key)]), "9ad21a753f0d8775");
        assert_eq!(name(&[]), "fac05a01c3315700");
        assert_eq!(name(&[("LOG_USER_ID", "plain"), ("LOG_USER_ID_KEY", key)]), "auth0|ann");
        assert!(!format!("{:?}", names(&[("LOG_USER_ID_KEY", key)])).contains(key));
    }

    #[test]
    fn a_short_key_is_refused_and_not_told() {
        let error = names(&[("LOG_USER_ID_KEY", "too short")]).unwrap_err().to_string();
        assert_eq!(
            error,
            "the environment variable LOG_USER_ID_KEY must be 32 to 64 bytes long, not \"(a secret)\""
        );
    }
}
