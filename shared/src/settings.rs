//! The settings of a function: environment variables, which the template declares. Each room reads its own, once, at
//! start-up.

use std::{ops::RangeInclusive, str::FromStr};

use thiserror::Error;

use crate::clock::Clock;

/// A setting that is missing or cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SettingsError {
    /// There is no such variable, or it is empty.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// The variable's value is not what it must be.
    #[error("the environment variable {name} must be {expected}, not {value:?}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What it had.
        value: String,
    },
}

/// What handlers that need no table work with, made from a function's environment.
pub trait FromSettings: Sized {
    /// Reads the settings, once.
    fn from_settings(environment: &Environment<'_>, clock: Clock) -> Result<Self, SettingsError>;
}

/// The environment variables of a function.
pub struct Environment<'a>(&'a dyn Fn(&str) -> Option<String>);

impl<'a> Environment<'a> {
    /// The variables that `variable` tells by name.
    #[must_use]
    pub fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(variable)
    }

    /// A variable's value; empty without one.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        (self.0)(name).unwrap_or_default()
    }

    /// The value of a variable that must be there.
    pub fn required(&self, name: &'static str) -> Result<String, SettingsError> {
        Some(self.text(name)).filter(|value| !value.is_empty()).ok_or(SettingsError::Missing(name))
    }

    /// The value of a variable that must be a number within `range`; `expected` says so in words.
    pub fn whole_number(
        &self,
        name: &'static str,
        range: RangeInclusive<i64>,
        expected: &'static str,
    ) -> Result<i64, SettingsError> {
        within(name, self.required(name)?, &range, expected)
    }

    /// The same of a variable that is `default` where it is absent or empty.
    pub fn whole_number_or<N: FromStr + PartialOrd>(
        &self,
        default: N,
        name: &'static str,
        range: RangeInclusive<N>,
        expected: &'static str,
    ) -> Result<N, SettingsError> {
        match self.text(name) {
            value if value.is_empty() => Ok(default),
            value => within(name, value, &range, expected),
        }
    }
}

fn within<N: FromStr + PartialOrd>(
    name: &'static str,
    value: String,
    range: &RangeInclusive<N>,
    expected: &'static str,
) -> Result<N, SettingsError> {
    match value.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(SettingsError::Invalid { name, expected, value }),
    }
}
