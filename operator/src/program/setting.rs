//! The settings of a deployment, and how each is named in the three places that it may come from.

use clap::{Arg, ArgMatches, parser::ValueSource};

use crate::Command;

/// A setting of a deployment.
#[derive(Debug)]
pub(super) struct Setting {
    /// The argument, without its dashes.
    pub(super) argument: &'static str,
    /// The environment variable, here and in the deployed functions.
    pub(super) variable: &'static str,
    /// The output of the stack.
    pub(super) output: &'static str,
    value: &'static str,
    help: &'static str,
}

/// The sessions table first, which all commands need.
pub(super) const SETTINGS: [Setting; 5] = [
    Setting {
        argument: "sessions-table",
        variable: "SESSIONS_TABLE",
        output: "SessionsTableName",
        value: "NAME",
        help: "The sessions table",
    },
    Setting {
        argument: "metrics-table",
        variable: "METRICS_TABLE",
        output: "MetricsTableName",
        value: "NAME",
        help: "The metrics table; for recount",
    },
    Setting {
        argument: "timeout-seconds",
        variable: "SESSION_TIMEOUT_SECONDS",
        output: "TimeoutSeconds",
        value: "SECONDS",
        help: "How long sessions live without a heartbeat, from 1 to 2592000; for recount and end",
    },
    Setting {
        argument: "retention-days",
        variable: "SESSION_RETENTION_DAYS",
        output: "RetentionDays",
        value: "DAYS",
        help: "How long records are kept beyond that, from 1 to 3650; for recount and end",
    },
    Setting {
        argument: "time-zone",
        variable: "REPORTING_TIME_ZONE",
        output: "TimeZone",
        value: "ZONE",
        help: "The IANA time zone whose days the metrics count, like Europe/Berlin; for recount",
    },
];

impl Setting {
    /// Those that a command cannot do without.
    pub(super) fn needed_by(command: &Command) -> Vec<&'static Self> {
        SETTINGS.iter().filter(|setting| command.settings().contains(&setting.variable)).collect()
    }

    /// Its argument, which may also be given as the environment variable.
    pub(super) fn arg(&self) -> Arg {
        global(self.argument, self.value, self.help).env(self.variable)
    }
}

/// An argument that may stand before or behind the command.
pub(super) fn global(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    let arg = Arg::new(name).long(name).value_name(value).help(help);
    arg.global(true).hide_env_values(true).help_heading("Deployment")
}

/// What an argument or its variable says. An empty text says nothing.
pub(super) fn text<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    let value = matches.try_get_one::<String>(name).ok()??;
    Some(value.as_str()).filter(|value| !value.is_empty())
}

/// Whether it is the variable that says it.
pub(super) fn is_from_variable(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(name) == Some(ValueSource::EnvVariable)
}
