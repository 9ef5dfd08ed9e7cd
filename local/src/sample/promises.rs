//! What a sample promises.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use chrono::{Datelike, NaiveDate, TimeDelta, Timelike};
use chrono_tz::{Europe, Tz};
use shared::{
    metrics::contribution::day_of_session,
    sessions::rules::{Lifetimes, Session, State},
};

use super::{Plan, Sample, Sampled, days::DAYS, sessions};

const LIFETIMES: Lifetimes = Lifetimes { timeout: TimeDelta::hours(1), retention: TimeDelta::days(90) };

fn plan(now: &str, zone: Tz, sample: Sample) -> Plan {
    Plan { sample, now: now.parse().unwrap(), zone, lifetimes: LIFETIMES }
}

/// As `--sample-data` makes it, in a zone whose clocks are put forward and back.
static YEAR: LazyLock<(Plan, Vec<Sampled>)> = LazyLock::new(|| {
    let plan = plan("2026-11-24T17:00:00Z", Europe::Berlin, Sample::default());
    (plan, sessions(&plan))
});

fn by_day() -> BTreeMap<NaiveDate, Vec<&'static Session>> {
    let mut days = BTreeMap::<_, Vec<_>>::new();
    for Sampled { session, .. } in &YEAR.1 {
        days.entry(day_of_session(session, YEAR.0.zone)).or_default().push(session);
    }
    days
}

fn duration(session: &Session) -> TimeDelta {
    match session.state {
        State::Ended { end_time, .. } => end_time - session.start_time,
        _ => session.last_active_time - session.start_time,
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn share<'a>(of: impl Iterator<Item = &'a Session>, is: impl Fn(&Session) -> bool) -> f64 {
    let (mut all, mut some) = (0, 0);
    for session in of {
        all += 1;
        some += usize::from(is(session));
    }
    some as f64 / f64::from(all)
}

/// That no plan can break: times are in order and past, a device is in one place, chains hang together.
fn check(plan: &Plan, sessions: &[Sampled]) {
    let by_id: BTreeMap<_, _> = sessions.iter().map(|sampled| (sampled.session.id, sampled)).collect();
    assert_eq!(by_id.len(), sessions.len(), "ids differ");
    let users: BTreeSet<_> = sessions.iter().map(|sampled| sampled.user.as_str()).collect();
    assert_eq!(users.len(), plan.sample.users);
    assert!(sessions.is_sorted_by_key(|sampled| sampled.session.start_time));
    let mut last = BTreeMap::<_, &Sampled>::new();
    for sampled in sessions {
        let Sampled { user, session, written } = sampled;
        let (start, active) = (session.start_time, session.last_active_time);
        assert!(start <= active && active <= *written && *written <= plan.now, "{sampled:?}");
        match session.state {
            State::Active => assert_eq!(*written, active),
            State::Ended { end_time, .. } => assert!(active <= end_time && *written == end_time),
            State::Expired { end_time, renewed_to } => {
                let next = &by_id[&renewed_to];
                assert_eq!((end_time, *written), (active, next.session.start_time));
                assert!(next.user == *user && next.session.renewed_from == Some(session.id));
            }
        }
        if let Some(old) = session.renewed_from {
            assert!(matches!(by_id[&old].session.state, State::Expired { .. }));
        }
        let device = (user.as_str(), session.client.user_agent.clone(), session.client.ip_address.clone());
        if let Some(before) = last.insert(device, sampled) {
            let is_over = match before.session.state {
                State::Ended { end_time, .. } => end_time < start,
                _ => before.session.last_active_time + plan.lifetimes.timeout < start,
            };
            assert!(is_over, "{before:?}\n{sampled:?}");
        }
    }
}

#[test]
fn a_year_has_a_hundred_thousand_sessions_of_five_thousand_users() {
    let (plan, sessions) = &*YEAR;
    check(plan, sessions);
    assert!(sessions.len() >= 100_000, "{}", sessions.len());
    let days = by_day();
    assert_eq!((days.len() as u64, days.keys().last().unwrap().to_string()), (DAYS, "2026-11-24".to_owned()));
}

#[test]
fn weekends_are_lower_and_the_year_grows() {
    let days = by_day();
    let mean = |is: &dyn Fn(NaiveDate) -> bool| {
        let counts: Vec<usize> = days.iter().filter(|(day, _)| is(**day)).map(|(_, of)| of.len()).collect();
        counts.iter().sum::<usize>() / counts.len()
    };
    let is_weekend = |day: NaiveDate| day.weekday().number_from_monday() >= 6;
    assert!(mean(&is_weekend) * 10 < mean(&|day| !is_weekend(day)) * 7);
    let (first, last) = (*days.keys().next().unwrap(), *days.keys().last().unwrap());
    let early = mean(&|day| day - first < TimeDelta::days(56));
    let late = mean(&|day| (last - day) <= TimeDelta::days(56) && day != last);
    assert!(early * 3 < late * 2, "{early} {late}");
}

#[test]
fn nights_are_quiet_and_the_hour_that_comes_twice_has_sessions_both_times() {
    let (plan, sessions) = &*YEAR;
    let at = |hours: std::ops::Range<u32>| {
        let local = |session: &Session| session.start_time.with_timezone(&plan.zone).hour();
        share(sessions.iter().map(|sampled| &sampled.session), |session| hours.contains(&local(session)))
    };
    assert!(at(1..5) < 0.08 && at(9..18) > 0.5, "{} {}", at(1..5), at(9..18));
    // Half past two, as clocks show it: few sessions start then, so none of the year's need be among them.
    let day = super::days::Day { date: "2026-10-25".parse().unwrap(), sessions: 0 };
    let mut chance = fastrand::Rng::with_seed(1);
    let hours: BTreeSet<u32> = (0..40).map(|_| day.at(150, Europe::Berlin, &mut chance).hour()).collect();
    assert_eq!(hours.into_iter().collect::<Vec<_>>(), [0, 1], "UTC");
}

#[test]
fn users_come_back_some_often_and_most_seldom() {
    let mut counts = BTreeMap::<&str, usize>::new();
    for sampled in &YEAR.1 {
        *counts.entry(sampled.user.as_str()).or_default() += 1;
    }
    let mut counts: Vec<usize> = counts.into_values().collect();
    counts.sort_unstable();
    let (median, most) = (counts[counts.len() / 2], counts[counts.len() * 98 / 100]);
    assert!(median >= 3 && most > 8 * median, "{median} {most}");
}

#[test]
fn durations_cluster_at_multiples_of_the_heartbeats_and_some_are_short() {
    let all = || YEAR.1.iter().map(|sampled| &sampled.session);
    let is_short = |session: &Session| duration(session) < TimeDelta::minutes(1);
    let is_multiple = |session: &Session| {
        let ms = duration(session).num_milliseconds();
        ms >= 300_000 && ms % 300_000 < 2_000
    };
    let (short, multiple) = (share(all(), is_short), share(all(), is_multiple));
    assert!((0.1..0.35).contains(&short) && multiple > 0.3, "{short} {multiple}");
    let ended = share(all(), |session| matches!(session.state, State::Ended { .. }));
    let renewed = share(all(), |session| session.renewed_from.is_some());
    assert!((0.15..0.5).contains(&ended) && (0.1..0.5).contains(&renewed), "{ended} {renewed}");
    assert!(
        all().any(|session| YEAR.0.now - session.last_active_time < LIFETIMES.timeout
            && session.state == State::Active)
    );
}

#[test]
fn who_stays_longer_engages_more_and_was_renewed_more_often() {
    let lasting = |from: i64, to: i64| {
        let range = TimeDelta::minutes(from)..TimeDelta::minutes(to);
        YEAR.1
            .iter()
            .map(|sampled| &sampled.session)
            .filter(move |session| range.contains(&duration(session)))
    };
    for is in
        [|session: &Session| session.content_engaged, |session: &Session| session.renewed_from.is_some()]
    {
        let (short, middle, long) =
            (share(lasting(0, 1), is), share(lasting(5, 15), is), share(lasting(30, 999), is));
        assert!(short * 2.0 < middle && middle < long, "{short} {middle} {long}");
    }
}

#[test]
fn the_same_plan_gives_the_same_sessions_and_another_seed_gives_others() {
    let sample = Sample { sessions: 1_500, users: 100, seed: 3 };
    let plan = plan("2026-11-24T17:00:00Z", Tz::UTC, sample);
    let first = sessions(&plan);
    assert_eq!(sessions(&plan), first);
    let other = Plan { sample: Sample { seed: 4, ..sample }, ..plan };
    assert_ne!(sessions(&other), first);
}

#[test]
fn odd_plans_keep_the_promises_too() {
    let sample = Sample { sessions: 3_000, users: 150, seed: 1 };
    for now in [
        "2026-11-24T00:00:00Z",
        "2026-03-29T01:30:00Z",
        "2026-10-25T00:59:59.999Z",
        "2028-02-29T23:59:59.999Z",
    ] {
        for zone in [Tz::UTC, Europe::Berlin, chrono_tz::America::Santiago, chrono_tz::Pacific::Apia] {
            let plan = plan(now, zone, sample);
            check(&plan, &sessions(&plan));
        }
    }
    let base = plan("2026-11-24T17:00:00Z", Tz::UTC, sample);
    for (timeout, retention) in [(1, 1), (5, 90), (2_592_000, 3_650)] {
        let lifetimes =
            Lifetimes { timeout: TimeDelta::seconds(timeout), retention: TimeDelta::days(retention) };
        for seed in 1..4 {
            let plan = Plan { lifetimes, sample: Sample { seed, ..sample }, ..base };
            check(&plan, &sessions(&plan));
        }
    }
}
