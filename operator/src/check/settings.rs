//! The settings that the stack should publish, which all else is compared with.

use std::collections::HashMap;

use super::Finding;

/// By the names of the functions' variables.
pub(super) const VARIABLES: [&str; 5] = [
    "SESSIONS_TABLE",
    "METRICS_TABLE",
    "SESSION_TIMEOUT_SECONDS",
    "SESSION_RETENTION_DAYS",
    "REPORTING_TIME_ZONE",
];

/// Whether the stack's outputs, or the command line, have them all.
pub(super) fn complete(settings: &HashMap<String, String>) -> Finding {
    let missing: Vec<_> = VARIABLES.into_iter().filter(|name| !settings.contains_key(*name)).collect();
    if missing.is_empty() {
        return Finding::well("outputs", "all settings are there");
    }
    Finding::not_well(
        "outputs",
        format!("the stack's outputs do not have {}", missing.join(", ")),
        "Its template is older than this, or another one: deploy again, or give them as arguments (--help).",
    )
}
