//! A memory of what came last, which does not grow beyond its bound.

use std::collections::{HashMap, VecDeque};

/// Values by names, the newest so many: the oldest make room.
pub(super) struct Recent<V> {
    most: usize,
    values: HashMap<String, V>,
    /// The names, oldest first.
    order: VecDeque<String>,
}

impl<V> Recent<V> {
    pub(super) fn of_at_most(most: usize) -> Self {
        Self { most, values: HashMap::new(), order: VecDeque::new() }
    }

    /// Keeps `value`. One of the same name gives way to it and keeps its place in the order.
    pub(super) fn insert(&mut self, name: String, value: V) {
        if self.values.insert(name.clone(), value).is_some() {
            return;
        }
        self.order.push_back(name);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        self.values.get_mut(name)
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut recent = Recent::of_at_most(2);
        for name in ["a", "b", "a", "c"] {
            recent.insert(name.to_owned(), ());
        }
        assert!(!recent.contains("a"), "its second value kept its place");
        assert!(recent.contains("b") && recent.contains("c"));
        assert_eq!((recent.values.len(), recent.order.len()), (2, 2));
    }
}
