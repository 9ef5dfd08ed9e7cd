//! Which worlds there are.

use chrono::TimeDelta;
use shared::sessions::rules::Lifetimes;

use crate::world::{Ask, Role, World};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// As deployments have it.
const USUAL: Lifetimes = Lifetimes { timeout: TimeDelta::hours(1), retention: TimeDelta::days(90) };

/// The longest timeout and nearly the shortest retention that can be set: a session outlives the record of the one before
/// with few heartbeats.
const LONG: Lifetimes = Lifetimes { timeout: TimeDelta::days(30), retention: TimeDelta::days(2) };

const QUIET: World = World {
    name: "",
    about: "",
    roles: Vec::new(),
    live: 0,
    renewals: 0,
    times: &[0],
    clocks: &[0],
    lifetimes: USUAL,
    faults: 0,
    late: false,
    purges: false,
    limit: 9,
    hops: 2,
    tries: 3,
    looks: 3,
    broken: None,
};

/// All worlds of the full exploration.
#[must_use]
pub fn worlds() -> Vec<World> {
    vec![
        chain(),
        walk(),
        unknown(),
        clocks(),
        purge(),
        limit(),
        limit_faults(),
        unlist(),
        border(),
        ends(),
        others(),
    ]
}

/// A session expires, and again, and clients with its old id renew it at once.
pub(crate) fn chain() -> World {
    World {
        name: "chain",
        about: "tabs keep an id whose session expires twice; calls and answers are lost, and some take effect late",
        roles: keepers(3, 2, 1, &[Ask::Heartbeat]),
        live: 1,
        times: &[0, HOUR + 1, 2 * HOUR + 2],
        faults: 2,
        late: true,
        ..QUIET
    }
}

/// A chain is longer than a walk.
pub(crate) fn walk() -> World {
    World {
        name: "walk",
        about: "tabs come with the first id of a chain that is longer than a walk may be, and grows",
        roles: [keepers(2, 2, 1, &[Ask::Heartbeat]), keepers(1, 2, 2, &[Ask::Heartbeat, Ask::End])].concat(),
        live: 1,
        renewals: 4,
        times: &[0, 300, HOUR + 1],
        faults: 1,
        ..QUIET
    }
}

/// Clients repeat a login, and send heartbeats for an id that nobody knows.
pub(crate) fn unknown() -> World {
    World {
        name: "unknown",
        about: "an id that nobody knows is a login's key and gets heartbeats; its session expires",
        roles: [
            keepers(2, 2, 1, &[Ask::Heartbeat, Ask::LoginOnce]),
            keepers(1, 1, 1, &[Ask::LoginOnce, Ask::End]),
        ]
        .concat(),
        times: &[0, HOUR + 1],
        faults: 1,
        late: true,
        ..QUIET
    }
}

/// Hosts do not agree on the time.
pub(crate) fn clocks() -> World {
    World {
        name: "clocks",
        about: "three clocks disagree on whether a session has expired",
        roles: keepers(3, 1, 1, &[Ask::Heartbeat, Ask::End, Ask::Engage]),
        live: 1,
        times: &[0, HOUR - 10, HOUR, HOUR + 31],
        clocks: &[-30, 0, 30],
        faults: 1,
        ..QUIET
    }
}

/// Records are purged.
pub(crate) fn purge() -> World {
    World {
        name: "purge",
        about: "records of a chain are purged, at any time from then on, and its old ids come back",
        roles: [adopters(1, 2, 1, &[Ask::Heartbeat]), keepers(1, 3, 1, &[Ask::Heartbeat])].concat(),
        live: 1,
        times: &[0, 31 * DAY, 60 * DAY, 66 * DAY, 100 * DAY],
        lifetimes: LONG,
        faults: 1,
        purges: true,
        ..QUIET
    }
}

/// Several sessions start at once, where two may be live.
pub(crate) fn limit() -> World {
    World {
        name: "limit",
        about: "logins at once, and heartbeats meanwhile, where two sessions may be live",
        roles: [keepers(2, 1, 9, &[Ask::Login]), keepers(1, 2, 1, &[Ask::Heartbeat, Ask::End])].concat(),
        live: 2,
        times: &[0, 5],
        limit: 2,
        ..QUIET
    }
}

/// The same with faults, and other ways to start.
pub(crate) fn limit_faults() -> World {
    World {
        name: "limit-faults",
        about: "logins and an unknown id, of which calls and answers are lost, where one session may be live",
        roles: [
            keepers(1, 2, 8, &[Ask::LoginOnce]),
            keepers(1, 1, 9, &[Ask::Login]),
            keepers(1, 1, 1, &[Ask::Heartbeat]),
        ]
        .concat(),
        live: 1,
        times: &[0, 5],
        faults: 1,
        late: true,
        limit: 1,
        ..QUIET
    }
}

/// Sessions that expired leave the index.
pub(crate) fn unlist() -> World {
    World {
        name: "unlist",
        about: "sessions expire, by one clock or by all, and starts take them out of the index; they come back",
        roles: [keepers(2, 1, 9, &[Ask::Login]), keepers(1, 2, 1, &[Ask::Heartbeat])].concat(),
        live: 1,
        times: &[0, HOUR + 20, HOUR + 100],
        clocks: &[-30, 30],
        limit: 1,
        ..QUIET
    }
}

/// Starts come when a session is about to expire.
pub(crate) fn border() -> World {
    World {
        name: "border",
        about: "starts and a heartbeat at the very moment when a session expires",
        roles: [keepers(2, 1, 9, &[Ask::Login]), keepers(1, 1, 1, &[Ask::Heartbeat])].concat(),
        live: 1,
        times: &[0, HOUR - 2, HOUR + 1],
        limit: 1,
        ..QUIET
    }
}

/// A session is ended while clients go on with it.
pub(crate) fn ends() -> World {
    World {
        name: "ends",
        about: "heartbeats, engagement and ends of one session, which expires",
        roles: [keepers(2, 2, 1, &[Ask::Heartbeat, Ask::End]), keepers(1, 2, 1, &[Ask::Engage])].concat(),
        live: 1,
        times: &[0, HOUR + 1],
        faults: 1,
        late: true,
        ..QUIET
    }
}

/// One client ends the others.
pub(crate) fn others() -> World {
    World {
        name: "others",
        about: "one client ends all others while its own session is renewed and others go on",
        roles: [
            keepers(1, 1, 1, &[Ask::EndOthers]),
            keepers(1, 2, 1, &[Ask::Heartbeat]),
            keepers(1, 2, 2, &[Ask::Heartbeat]),
        ]
        .concat(),
        live: 2,
        times: &[0, HOUR, HOUR + 10],
        clocks: &[0, 30],
        faults: 1,
        ..QUIET
    }
}

/// As many clients with an id that they keep, whatever they are told.
fn keepers(clients: usize, requests: u8, holds: u8, asks: &'static [Ask]) -> Vec<Role> {
    vec![Role { asks, requests, holds, adopts: false }; clients]
}

/// As many clients that go on with the id that they are told.
fn adopters(clients: usize, requests: u8, holds: u8, asks: &'static [Ask]) -> Vec<Role> {
    vec![Role { asks, requests, holds, adopts: true }; clients]
}
