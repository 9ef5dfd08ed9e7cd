//! Histories that break the rules, each of which must be found; or the runs are green for nothing.

use uuid::Uuid;

use super::{
    super::{
        chains::Chains,
        history::{Call, Id, Op, Seen, Told},
        round::{Limits, TIMEOUT},
        table::{self, Items},
        time::Time,
    },
    Facts, check,
};

const START: i64 = 4_103_697_600_000;
const OLD: Id = Uuid::from_u128(1);
const NEW: Id = Uuid::from_u128(2);
const KEY: Id = Uuid::from_u128(3);

/// A key, the session that was started for it, and the one that renewed that and was ended.
fn items(change: impl Fn(&mut String)) -> Items {
    let kept = (START + TIMEOUT + 90 * 86_400_000) / 1_000;
    let (renewed, ended) = (START + TIMEOUT + 5_000, START + TIMEOUT + 9_000);
    let mut text = format!(
        r#"{{
            "{KEY}": {{ "pk": "USER#a", "sk": "SESSION#{KEY}", "state": "expired", "renewedTo": "{OLD}", "purgeAt": {kept} }},
            "{OLD}": {{ "pk": "USER#a", "sk": "SESSION#{OLD}", "state": "expired", "renewedTo": "{NEW}", "purgeAt": {kept},
                "startTime": {START}, "lastActiveTime": {START}, "endTime": {START}, "contentEngaged": true }},
            "{NEW}": {{ "pk": "USER#a", "sk": "SESSION#{NEW}", "state": "ended", "renewedFrom": "{OLD}", "purgeAt": {kept},
                "startTime": {renewed}, "lastActiveTime": {renewed}, "endTime": {ended}, "endReason": "ended",
                "contentEngaged": false }}
        }}"#
    );
    change(&mut text);
    let items: std::collections::BTreeMap<String, table::Item> = serde_json::from_str(&text).unwrap();
    items.into_iter().map(|(id, item)| (id.parse().unwrap(), item)).collect()
}

/// What was asked for and told, one after the other.
fn ops(change: impl Fn(&mut Vec<(Call, Told)>)) -> Vec<Op> {
    let mut told = vec![
        (Call::LoginOnce(KEY), Told::Started(OLD, START)),
        (Call::Engage(KEY, false), Told::Engaged(OLD)),
        (Call::Engage(OLD, true), Told::Engaged(OLD)),
        (Call::Heartbeat(OLD), Told::Renewed(NEW)),
        (Call::Heartbeat(NEW), Told::Active),
        (Call::End(KEY), Told::Ended(NEW)),
        (Call::Heartbeat(OLD), Told::Over("ended".to_owned())),
        (Call::List(None), Told::Listed(Vec::new())),
    ];
    change(&mut told);
    let numbered = told.into_iter().zip(0..);
    let op = |((call, told), number): ((Call, Told), u64)| {
        // The third is the last before the timeout.
        let at = if number < 3 { START } else { START + TIMEOUT + 5_000 };
        let (began, ended) = (2 * number, 2 * number + 1);
        Op { user: 0, host: 0, call, told, began, ended, from: at, to: at + 1, gave_up: None }
    };
    numbered.map(op).collect()
}

fn found(items: &Items, ops: &[Op]) -> Vec<String> {
    let (chains, mut found) = Chains::of(items);
    found.extend(table::check(items, START + 2 * TIMEOUT, |written| written + 2 * TIMEOUT));
    let facts = Facts {
        ops: ops.iter().collect(),
        items,
        chains: &chains,
        limits: Limits { live: 3, starts: 0 },
        refuses: false,
        ahead: &[0],
        quiet_from: 0,
        time: &Time::new(),
    };
    found.extend(check(&facts).found);
    found
}

#[test]
fn a_history_by_the_rules_is_found_to_be_one() {
    assert_eq!(found(&items(|_| {}), &ops(|_| {})), Vec::<String>::new());
}

#[test]
fn an_answer_against_the_rules_is_found() {
    let unknown = Uuid::from_u128(9);
    let seen = Seen {
        id: NEW,
        start: START + TIMEOUT + 5_000,
        last: START + TIMEOUT + 5_000,
        engaged: false,
        current: false,
    };
    let wrong: Vec<(usize, Told)> = vec![
        (0, Told::Started(NEW, START)),
        (0, Told::Started(OLD, START + 1)),
        (1, Told::Refused(404, "session_not_found".to_owned())),
        (2, Told::Nothing),
        (2, Told::Engaged(NEW)),
        (3, Told::Active),
        (3, Told::Renewed(unknown)),
        (3, Told::Failed(503)),
        (4, Told::Failed(500)),
        (4, Told::Over("limit".to_owned())),
        (4, Told::Over("ended".to_owned())),
        (4, Told::Refused(429, "too_many_sessions".to_owned())),
        (5, Told::Ended(OLD)),
        (6, Told::Renewed(NEW)),
        (7, Told::Listed(vec![seen])),
    ];
    for (place, told) in wrong {
        let found = found(&items(|_| {}), &ops(|ops| ops[place].1 = told.clone()));
        // One that nobody was told of explains what the table has.
        assert_eq!(found.is_empty(), told == Told::Nothing, "{place} {told:?}: {found:?}");
    }
}

#[test]
fn a_live_session_that_a_list_leaves_out_is_found() {
    let live = items(|text| {
        *text = text.replace(r#""ended", "renewedFrom""#, r#""active", "renewedFrom""#);
        *text = text.replace(r#""endTime": 4103701209000, "endReason": "ended","#, r#""activeDay": 47496,"#);
    });
    let listed = |shown: Vec<Seen>| {
        // Of what was ended before the session was found active, nothing can have ended it.
        ops(|ops| {
            ops.splice(5.., [(Call::List(None), Told::Listed(shown.clone()))]);
            ops.remove(1);
            ops.insert(0, (Call::EndOthers(None), Told::Others(0)));
        })
    };
    let renewed = START + TIMEOUT + 5_000;
    let seen = Seen { id: NEW, start: renewed, last: renewed, engaged: false, current: false };
    assert_eq!(found(&live, &listed(vec![seen])), Vec::<String>::new());
    let found = found(&live, &listed(Vec::new()));
    assert!(matches!(&*found, [missing] if missing.starts_with("a live session is missing")), "{found:?}");
}

#[test]
fn a_table_against_the_rules_is_found() {
    let replaced = |from: &str, to: &str| {
        let items = items(|text| {
            assert!(text.contains(from), "{from}");
            *text = text.replace(from, to);
        });
        found(&items, &ops(|_| {}))
    };
    for (from, to) in [
        ("\"contentEngaged\": true", "\"contentEngaged\": false"),
        ("\"contentEngaged\": false", "\"contentEngaged\": true"),
        ("\"endReason\": \"ended\"", "\"endReason\": \"limit\""),
        ("\"endReason\": \"ended\"", "\"endReason\": \"logout\""),
        (&format!("\"renewedTo\": \"{NEW}\""), &format!("\"renewedTo\": \"{OLD}\"")),
        (&format!("\"renewedFrom\": \"{OLD}\", "), ""),
        ("\"endTime\": 4103701209000", "\"endTime\": 4103701204999"),
        ("\"startTime\": 4103701205000", "\"startTime\": 4103701200000"),
    ] {
        assert!(!replaced(from, to).is_empty(), "{from} {to}");
    }
}
