//! No engagement that was acknowledged is lost, unless another came after it.

use std::collections::HashMap;

use super::{Facts, seen_in};
use crate::histories::history::{Call, Id, Op, Told};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<String>) {
    // What was acknowledged of each session, with the values.
    let mut acknowledged = HashMap::<Id, Vec<(&Op, bool)>>::new();
    // Of each what it may have written on its way, into whichever session of the chain: one whose answer was lost is
    // repeated, and may then find that session ended, or renewed, and go on along the chain.
    let mut on_the_way: Vec<(&Op, usize, i64, bool)> = Vec::new();
    for op in &facts.ops {
        let Call::Engage(asked, engaged) = op.call else { continue };
        let mut up_to = i64::MAX;
        if let Told::Engaged(id) = op.told {
            // It went no further than to what it answered.
            up_to = facts.chains.place(id).map_or(up_to, |(_, place)| place);
            acknowledged.entry(id).or_default().push((op, engaged));
        }
        if let Some((chain, _)) = facts.chains.place(asked) {
            on_the_way.push((op, chain, up_to, engaged));
        }
    }
    // What the session may show to one who asked from `began` to `ended`.
    let may_be = |id: Id, value: bool, began: u64, ended: u64| {
        let writes = acknowledged.get(&id).map_or(&[][..], Vec::as_slice);
        let others = || writes.iter().filter(|(op, other)| *other != value && op.ended < began);
        let stands = |end: u64| !others().any(|(op, _)| end < op.began);
        let (chain, place) = facts.chains.place(id).unwrap_or((usize::MAX, 0));
        (!value && others().next().is_none())
            || on_the_way.iter().any(|(op, at, up_to, own)| {
                // Nobody knows when one that failed was over.
                let end = if op.is_unclear() { u64::MAX } else { op.ended };
                *at == chain && place <= *up_to && *own == value && op.began < ended && stands(end)
            })
    };
    for op in &facts.ops {
        for seen in seen_in(op) {
            if !may_be(seen.id, seen.engaged, op.began, op.ended) {
                found.push(format!("an engagement was lost: {seen:?} in {op:?}"));
            }
        }
    }
    for (id, item) in facts.items.iter().filter(|(_, item)| item.is_session()) {
        if !item.content_engaged.is_some_and(|value| may_be(*id, value, u64::MAX, u64::MAX)) {
            found.push(format!("an engagement was lost: {id} {item:?}"));
        }
    }
}
