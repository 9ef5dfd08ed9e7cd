//! The worlds that are explored: each small enough to be seen whole, and all together with every step of the protocol.

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    id::SessionId,
    sessions::rules::{Lifetimes, Moment},
};

use crate::breaks::Break;

/// An invocation takes no longer: so far the time goes on while one is under way.
pub(crate) const LONGEST_INVOCATION: TimeDelta = TimeDelta::seconds(15);

/// What a client asks for, of the id that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ask {
    /// A heartbeat.
    Heartbeat,
    /// A login with that id as its key.
    LoginOnce,
    /// A login without a key.
    Login,
    /// The end of the session.
    End,
    /// Its engagement.
    Engage,
    /// The end of all others.
    EndOthers,
}

/// What a client may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Any of these, in any order.
    pub asks: &'static [Ask],
    /// So many requests, repeats included.
    pub requests: u8,
    /// The number of the id that it holds at first.
    pub holds: u8,
    /// Whether it goes on with the id that an answer names, or with its own (as a tab that was never told).
    pub adopts: bool,
}

/// The bounds of one exploration.
#[derive(Clone, Debug)]
pub struct World {
    /// For the command line.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// The clients.
    pub roles: Vec<Role>,
    /// So many sessions are live at first, with ids from 1 on, each last active a second after the one before.
    pub live: u8,
    /// So often the first of them was renewed before: the one that is live has a later id.
    pub renewals: u8,
    /// The times that there are, in seconds.
    pub times: &'static [i64],
    /// How far the hosts' clocks are ahead of the time, in seconds.
    pub clocks: &'static [i64],
    /// Timeout and retention.
    pub lifetimes: Lifetimes,
    /// So many calls and answers are lost, and invocations cut off.
    pub faults: u8,
    /// Whether a call that was lost may take effect at any later time, or only at once or never.
    pub late: bool,
    /// Whether records are purged.
    pub purges: bool,
    /// As many sessions may be live.
    pub limit: usize,
    /// A walk gives up after so many hops.
    pub hops: u8,
    /// An operation looks so often.
    pub tries: u8,
    /// The limit looks so often.
    pub looks: u8,
    /// The rule that is not kept.
    pub broken: Option<Break>,
}

impl World {
    /// The same bounds, with a rule that is not kept.
    #[must_use]
    pub fn with(self, rule: Break) -> Self {
        Self { broken: Some(rule), ..self }
    }

    /// The bounds in one line.
    #[must_use]
    pub fn bounds(&self) -> String {
        let requests: Vec<String> = self.roles.iter().map(|role| role.requests.to_string()).collect();
        format!(
            "{} clients with {} requests, {} live at first, {} renewals before, {} times, {} clocks, {} faults{}{}, limit {}, {} hops",
            self.roles.len(),
            requests.join("+"),
            self.live,
            self.renewals,
            self.times.len(),
            self.clocks.len(),
            self.faults,
            if self.late { " (late ones too)" } else { "" },
            if self.purges { ", purging" } else { "" },
            self.limit,
            self.hops,
        )
    }

    /// A number for each role: the same for clients that may do the same.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = u8> {
        self.roles
            .iter()
            .map(|role| (0..).zip(&self.roles).find(|(_, one)| *one == role).map_or(0, |(kind, _)| kind))
    }

    pub(crate) fn is(&self, rule: Break) -> bool {
        self.broken == Some(rule)
    }

    /// The time of that number.
    pub(crate) fn time(&self, number: u8) -> DateTime<Utc> {
        at(self.times.get(usize::from(number)).copied().unwrap_or_default())
    }

    /// What the clock of that number shows then.
    pub(crate) fn clock(&self, number: u8, clock: u8) -> DateTime<Utc> {
        let ahead = self.clocks.get(usize::from(clock)).copied().unwrap_or_default();
        self.time(number) + TimeDelta::seconds(ahead)
    }

    pub(crate) fn moment(&self, now: DateTime<Utc>) -> Moment {
        self.lifetimes.at(now)
    }

    /// The moments of all hosts.
    pub(crate) fn moments(&self, number: u8) -> impl Iterator<Item = Moment> {
        self.clocks.iter().map(move |ahead| self.moment(self.time(number) + TimeDelta::seconds(*ahead)))
    }

    /// How far two clocks differ at most.
    pub(crate) fn skew(&self) -> TimeDelta {
        let (least, most) = (self.clocks.iter().min(), self.clocks.iter().max());
        TimeDelta::seconds(most.zip(least).map_or(0, |(most, least)| most - least))
    }

    /// Whether the time may go on from there while requests are under way.
    pub(crate) fn is_short(&self, number: u8) -> bool {
        self.time(number + 1) - self.time(number) <= LONGEST_INVOCATION
    }
}

/// The id of that number. They sort by it, as those of the service do by their time.
pub(crate) fn id(number: u8) -> SessionId {
    static IDS: LazyLock<Vec<SessionId>> = LazyLock::new(|| {
        let text = |number| format!("0198c0de-0000-7000-8000-{number:012x}");
        (0..=u8::MAX).filter_map(|number| text(number).parse().ok()).collect()
    });
    IDS[usize::from(number)]
}

fn at(seconds: i64) -> DateTime<Utc> {
    // Noon, so that no clock is on another day unless a world says so.
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(12) + TimeDelta::seconds(seconds)
}
