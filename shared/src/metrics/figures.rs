//! The figures of a day or another period, as the endpoints that list periods show them.

use serde::Serialize;

use super::totals::Summary;

/// The figures of a period. `engagementRate` is a percentage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    sessions: u64,
    engaged_sessions: u64,
    engagement_rate: f64,
    unique_users: u64,
    average_duration_minutes: f64,
}

impl From<Summary> for Figures {
    fn from(sum: Summary) -> Self {
        Self {
            sessions: sum.sessions,
            engaged_sessions: sum.engaged,
            engagement_rate: sum.engagement_rate,
            unique_users: sum.users,
            average_duration_minutes: sum.average_minutes,
        }
    }
}
