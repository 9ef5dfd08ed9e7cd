//! The settings of one run, and where each is from.

use std::collections::HashMap;

use anyhow::{Error, Result};
use clap::ArgMatches;

use super::setting::{Setting, is_from_variable, text};

/// A setting that is missing or cannot be used: the command line is to be mended, and nothing was read or changed.
#[derive(Debug)]
pub(super) struct Unusable(pub(super) String);

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

/// The settings that a command needs, as far as they are known.
pub(super) struct Chosen(Vec<(&'static Setting, Option<Choice>)>);

struct Choice {
    value: String,
    origin: String,
}

impl Chosen {
    /// Those that the command line gives, or else the environment. Who names a stack means that one: what a shell still
    /// has in its variables of another is then left alone.
    pub(super) fn given(matches: &ArgMatches, needed: Vec<&'static Setting>, stack: Option<&str>) -> Self {
        let given = |setting: &Setting| {
            let value = text(matches, setting.argument)?.to_owned();
            let is_variable = is_from_variable(matches, setting.argument);
            if is_variable && stack.is_some() {
                return None;
            }
            let origin = if is_variable {
                format!("the environment variable {}", setting.variable)
            } else {
                format!("--{}", setting.argument)
            };
            Some(Choice { value, origin })
        };
        Self(needed.into_iter().map(|setting| (setting, given(setting))).collect())
    }

    /// Whether each is known.
    pub(super) fn is_complete(&self) -> bool {
        self.0.iter().all(|(_, choice)| choice.is_some())
    }

    /// Takes what is missing from the outputs of `stack`. One that is not there, or is empty, is an error.
    pub(super) fn complete(&mut self, stack: &str, outputs: &HashMap<String, String>) -> Result<()> {
        self.fill(stack, outputs);
        let Some((Setting { argument, output, .. }, _)) = self.0.iter().find(|(_, choice)| choice.is_none())
        else {
            return Ok(());
        };
        Err(Unusable(format!(
            "the stack {stack} has no output {output}: its template is older than this, or another one. Deploy it again, \
             or give --{argument}"
        ))
        .into())
    }

    /// Takes what is missing from the outputs of `stack`, as far as they have it.
    pub(super) fn fill(&mut self, stack: &str, outputs: &HashMap<String, String>) {
        for (Setting { output, .. }, choice) in self.0.iter_mut().filter(|(_, choice)| choice.is_none()) {
            let value = outputs.get(*output).filter(|value| !value.is_empty());
            let origin = format!("the output {output} of the stack {stack}");
            *choice = value.map(|value| Choice { value: value.clone(), origin });
        }
    }

    /// No setting that changes the result has a default: a missing one is an error.
    pub(super) fn check_complete(&self) -> Result<(), Unusable> {
        let missing = self.0.iter().filter(|(_, choice)| choice.is_none());
        let names: Vec<_> =
            missing.map(|(setting, _)| format!("--{} or {}", setting.argument, setting.variable)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let names = names.join(", ");
        Err(Unusable(format!("missing: {names}. --stack NAME takes all from a stack's outputs")))
    }

    /// Says on standard error what each is, and where it is from.
    pub(super) fn tell(&self) {
        for (Setting { variable, .. }, choice) in &self.0 {
            if let Some(Choice { value, origin }) = choice {
                eprintln!("{variable}={value} from {origin}");
            }
        }
    }

    /// By the names of the variables.
    pub(super) fn settings(&self) -> HashMap<String, String> {
        let known = self.0.iter().filter_map(|(setting, choice)| Some((setting, choice.as_ref()?)));
        known.map(|(setting, choice)| (setting.variable.to_owned(), choice.value.clone())).collect()
    }

    /// The error of a value that is not `expected`, which says where to mend it.
    pub(super) fn unusable(&self, variable: &str, expected: &str, value: &str) -> Error {
        let origin = self.0.iter().find(|(setting, _)| setting.variable == variable);
        let origin = origin.and_then(|(_, choice)| choice.as_ref()).map_or(variable, |choice| &choice.origin);
        Unusable(format!("{origin} must be {expected}, not {value:?}")).into()
    }
}
