//! No engagement that was acknowledged is lost, unless another came after it.

use std::collections::HashMap;

use super::{Facts, seen_in};
use crate::histories::history::{Call, Id, Op, Told};

/// Who wrote what into a session: the last request must be one of them.
#[derive(Default)]
struct Writes<'a> {
    /// Those that were acknowledged, with their values.
    sure: Vec<(&'a Op, bool)>,
}

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<String>) {
    let mut by_session = HashMap::<Id, Writes<'_>>::new();
    let mut unclear: Vec<(&Op, usize, bool)> = Vec::new();
    for op in &facts.ops {
        let Call::Engage(asked, engaged) = op.call else { continue };
        if let Told::Engaged(id) = op.told {
            by_session.entry(id).or_default().sure.push((op, engaged));
        } else if let Some((chain, _)) = facts.chains.place(asked).filter(|_| op.is_unclear()) {
            unclear.push((op, chain, engaged));
        }
    }
    let none = Writes::default();
    // What the session may show to one who asked from `began` to `ended`.
    let may_be = |id: Id, value: bool, began: u64, ended: u64| {
        let writes = by_session.get(&id).unwrap_or(&none);
        let others = || writes.sure.iter().filter(|(op, other)| *other != value && op.ended < began);
        let stands = |end: u64| !others().any(|(op, _)| end < op.began);
        let chain = facts.chains.place(id).map(|(chain, _)| chain);
        (!value && others().next().is_none())
            || writes.sure.iter().any(|(op, own)| *own == value && op.began < ended && stands(op.ended))
            || unclear.iter().any(|(op, at, own)| Some(*at) == chain && *own == value && op.began < ended)
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
