//! Each rule of the protocol, broken on purpose, is missed by somebody.

use model::{Break, Promise, World, explore, shortest, worlds};

/// The rule that is not kept, the world in which that is seen, and the promise that it breaks.
const CAUGHT: [(Break, &str, Promise); 25] = [
    (Break::TouchTheExpired, "chain", Promise::SilenceEndsASession),
    (Break::TouchBackwards, "clocks", Promise::ActivityMovesForward),
    (Break::TouchTheEnded, "ends", Promise::EndedStaysEnded),
    (Break::RenewAnything, "chain", Promise::OneSuccessor),
    (Break::RenewInTwoWrites, "chain", Promise::OneLiveInAChain),
    (Break::NewIdForEachTry, "limit-faults", Promise::TheLimitIsKept),
    (Break::TombstoneOverwrites, "unknown", Promise::NothingIsOverwritten),
    (Break::NoTombstone, "unknown", Promise::RepeatedHeartbeatsAreAnswered),
    (Break::PointBlindly, "walk", Promise::PointersMoveForward),
    (Break::PointerKeptByItsWrite, "walk", Promise::NoPointerOutlivesItsTarget),
    (Break::NoArrival, "purge", Promise::RepeatsAgree),
    (Break::PositionNotSaved, "walk", Promise::RepeatedHeartbeatsAreAnswered),
    (Break::EndAnything, "ends", Promise::RepeatedHeartbeatsAreAnswered),
    (Break::EndBeforeLastActivity, "clocks", Promise::DurationIsNotNegative),
    (Break::EngageMovesActivity, "ends", Promise::OnlyHeartbeatsMoveActivity),
    (Break::EndSurplusBlindly, "limit", Promise::TheLimitSparesTheRecent),
    (Break::LimitByStart, "limit", Promise::TheLimitSparesTheRecent),
    (Break::OneLook, "limit", Promise::TheLimitIsKept),
    (Break::LimitBeforeStart, "limit", Promise::TheLimitIsKept),
    (Break::UnlistByOneClock, "unlist", Promise::WhatIsLiveIsListed),
    (Break::PurgedIsGone, "purge", Promise::RepeatedHeartbeatsAreAnswered),
    (Break::ChainReadFirst, "others", Promise::EndOthersSparesTheCaller),
    (Break::OthersMayRefuse, "others", Promise::EndOthersEndsTheOthers),
    (Break::RenewedIsUnknown, "ends", Promise::AnswersNameWhatExists),
    (Break::AnswerWhatWasTried, "chain", Promise::AnswersNameWhatExists),
];

#[test]
fn each_broken_rule_is_caught_by_the_property_named() {
    let mut wrong = Vec::new();
    for (rule, name, promise) in CAUGHT {
        let found = shortest(world(name).with(rule));
        let caught = found.counterexample.map(|found| found.promise);
        eprintln!("{rule:?} in {name}: {caught:?}");
        if caught != Some(promise) {
            wrong.push(format!("{rule:?} in {name} should break {promise:?} and broke {caught:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn small_worlds_hold_where_nothing_is_lost() {
    for name in ["chain", "walk", "clocks", "limit-faults", "border", "ends"] {
        let found = explore(World { faults: 0, ..world(name) }, None);
        assert!(found.is_whole, "{name}: {found:#?}");
    }
}

fn world(name: &str) -> World {
    worlds().into_iter().find(|world| world.name == name).expect("there is such a world")
}
