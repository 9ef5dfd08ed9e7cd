//! The counts that add up over sessions, and can be subtracted again.

use std::{
    fmt,
    ops::{Add, AddAssign, Sub, SubAssign},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Sums over sessions. Signed, because a sum may be one of several that are meant only together. Of a damaged row they may
/// be any numbers: what is too large goes round, so that what was added can still be subtracted again.
///
/// A new count is a field here (and in `with`, and in `of_some` if it says how many of the sessions), a line in
/// [`Contribution::of`](super::contribution::Contribution::of), and a line in the answer that shows it. It takes a
/// `#[serde(default)]`: a row that was written before there was the count has 0 of it. One that lacks another is damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// All sessions.
    pub sessions: i64,
    /// Those whose user engaged with the content.
    pub engaged: i64,
    /// Those that were started by a renewal.
    #[serde(default)]
    pub renewed: i64,
    /// The duration of all together, in milliseconds.
    pub duration_ms: i64,
}

impl Counts {
    /// Each count together with the other's.
    fn with(self, other: Self, both: fn(i64, i64) -> i64) -> Self {
        Self {
            sessions: both(self.sessions, other.sessions),
            engaged: both(self.engaged, other.engaged),
            renewed: both(self.renewed, other.renewed),
            duration_ms: both(self.duration_ms, other.duration_ms),
        }
    }

    /// The counts that say how many of the sessions.
    fn of_some(&mut self) -> [&mut i64; 2] {
        [&mut self.engaged, &mut self.renewed]
    }

    /// The names of the attributes in which a row has them.
    pub(super) fn names() -> Vec<String> {
        Self::default().by_name().into_iter().map(|(name, _)| name).collect()
    }

    fn by_name(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(counts)) => counts,
            // Numbers under fixed names are an object.
            _ => Map::new(),
        }
    }

    /// The nearest counts that are those of some sessions, as they are shown: none is below zero, and there is no more
    /// of anything than there are sessions.
    #[must_use]
    pub fn made_sound(mut self) -> Self {
        self.sessions = self.sessions.max(0);
        self.duration_ms = self.duration_ms.max(0);
        let sessions = self.sessions;
        for count in self.of_some() {
            *count = (*count).clamp(0, sessions);
        }
        self
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.with(other, i64::wrapping_add)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.with(other, i64::wrapping_sub)
    }
}

impl SubAssign for Counts {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// `2 sessions, 1 engaged, …`: each count with its attribute's name.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.by_name().into_iter().map(|(name, count)| format!("{count} {name}"));
        f.write_str(&counts.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: Counts = Counts { sessions: 4, engaged: 3, renewed: 2, duration_ms: 1 };

    #[test]
    fn each_count_is_told_with_its_name() {
        let told = COUNTS.to_string();
        let mut counts: Vec<&str> = told.split(", ").collect();
        counts.sort_unstable();
        assert_eq!(counts, ["1 durationMs", "2 renewed", "3 engaged", "4 sessions"]);
    }
}
