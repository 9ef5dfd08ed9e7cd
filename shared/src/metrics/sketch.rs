//! How many users: a `HyperLogLog` sketch, which only grows.

use datasketches::{
    hash::value::raw_bytes,
    hll::{Coupon, HllSketch, HllType, HllUnion},
};
use thiserror::Error;

use super::registers::{LG_REGISTERS, Registers};
use crate::id::UserId;

/// 4,096 registers of 4 bits: 2 KB once there are more than some 400 users, and 4 bytes for each user before.
const REGISTERS: HllType = HllType::Hll4;

/// The relative standard error of an estimate that is not exact: 1.04 / √4096.
pub const RELATIVE_ERROR: f64 = 0.01625;

/// The users of some sessions. Adding a user again changes nothing.
#[derive(Clone, Debug)]
pub struct Sketch(HllSketch);

/// A user as a sketch takes them: hashed, by the bytes of their id, the same in every version of Rust and of this
/// program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashedUser(Coupon);

impl HashedUser {
    /// The user whose id is `sub`.
    pub(super) fn of(sub: &str) -> Self {
        Self(Coupon::from_value(raw_bytes::from_str(sub)))
    }
}

impl From<&UserId> for HashedUser {
    fn from(user: &UserId) -> Self {
        Self::of(user.as_str())
    }
}

/// Bytes that are no sketch of this kind.
#[derive(Debug, Error)]
#[error("not a sketch: {0}")]
pub struct NotASketch(String);

impl Sketch {
    /// No users.
    #[must_use]
    pub fn new() -> Self {
        Self(union().to_sketch(REGISTERS))
    }

    /// Adds a user.
    pub fn add(&mut self, user: &UserId) {
        self.add_hashed(user.into());
    }

    pub(super) fn add_hashed(&mut self, user: HashedUser) {
        self.0.update_with_coupon(user.0);
    }

    /// Adds the users of `other`.
    pub fn merge(&mut self, other: &Self) {
        if !other.0.is_empty() {
            *self = Self::of_all([&*self, other]);
        }
    }

    /// The users of all of these. Faster than one merge after the other.
    pub fn of_all<'a>(sketches: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut few = union();
        let mut many = Registers::default();
        for sketch in sketches {
            if !many.merge(&sketch.0.serialize()) {
                few.update(&sketch.0);
            }
        }
        match many.to_sketch() {
            Some(registers) if few.is_empty() => return Self(registers),
            Some(registers) => few.update(&registers),
            None => {}
        }
        Self(few.to_sketch(HllType::Hll8))
    }

    /// How many different users there are: exact up to some 400, then within [`RELATIVE_ERROR`].
    #[must_use]
    pub fn count(&self) -> u64 {
        // By the registers alone: the sketch's own estimate also depends on the order in which users came.
        let estimate = self.0.composite_estimate().round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count, and a float saturates"
        )]
        let users = estimate as u64;
        users
    }

    /// Whether it has no users.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For storage.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.0.target_type() == REGISTERS {
            return self.0.serialize();
        }
        let mut all = union();
        all.update(&self.0);
        all.to_sketch(REGISTERS).serialize()
    }

    /// What [`Sketch::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotASketch> {
        let sketch = HllSketch::deserialize(bytes).map_err(|error| NotASketch(error.to_string()))?;
        if sketch.lg_config_k() != LG_REGISTERS {
            return Err(NotASketch(format!("2^{} registers", sketch.lg_config_k())));
        }
        let mut registers = Registers::default();
        // As the library has understood it.
        registers.merge(&sketch.serialize());
        if registers.are_possible() {
            Ok(Self(sketch))
        } else {
            Err(NotASketch("a register beyond all users".to_owned()))
        }
    }
}

impl Default for Sketch {
    fn default() -> Self {
        Self::new()
    }
}

fn union() -> HllUnion {
    // Fails for a number of registers that is out of range only, which this one is not.
    #[expect(clippy::expect_used, reason = "a constant within its range")]
    HllUnion::new(LG_REGISTERS).expect("4 to 21")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(users: std::ops::Range<u32>) -> Sketch {
        let mut sketch = Sketch::new();
        for user in users {
            sketch.add(&format!("auth0|{user:08}").parse().unwrap());
        }
        sketch
    }

    /// Sizes in list, set and array mode, and around the changes from one to the next.
    const SIZES: [u32; 12] = [0, 1, 7, 8, 9, 24, 200, 384, 385, 500, 5_000, 100_000];

    #[test]
    fn two_hundred_users_are_exactly_two_hundred() {
        for users in (0..=200).chain([300, 384]) {
            assert_eq!(of(0..users).count(), u64::from(users));
        }
        assert_eq!(Sketch::of_all([&of(0..150), &of(50..200), &of(0..200)]).count(), 200);
    }

    #[test]
    fn a_million_users_are_within_three_standard_errors() {
        #[expect(clippy::cast_precision_loss, reason = "a million")]
        let error = (of(0..1_000_000).count() as f64 / 1e6 - 1.0).abs();
        assert!(error <= 3.0 * RELATIVE_ERROR, "{error}");
    }

    #[test]
    fn bytes_survive_the_round_trip_in_every_mode() {
        for users in SIZES {
            let sketch = of(0..users);
            let mut decoded = Sketch::from_bytes(&sketch.to_bytes()).unwrap();
            assert_eq!(decoded.count(), sketch.count(), "{users}");
            // What is decoded goes on like the original.
            let (more, mut grown) = (of(users / 2..users * 2), sketch.clone());
            decoded.merge(&more);
            grown.merge(&more);
            assert_eq!(decoded.count(), grown.count(), "{users}");
            assert_eq!(Sketch::of_all([&decoded, &sketch]).count(), grown.count(), "{users}");
        }
    }

    #[test]
    fn the_order_of_merging_does_not_matter() {
        for one in SIZES {
            for other in SIZES {
                let (left, right) = (of(0..one), of(one / 3..one / 3 + other));
                let (mut ahead, mut back) = (left.clone(), right.clone());
                ahead.merge(&right);
                back.merge(&left);
                let all = of(0..one.max(one / 3 + other));
                assert_eq!(ahead.count(), back.count(), "{one} {other}");
                assert_eq!(ahead.count(), Sketch::of_all([&left, &right]).count(), "{one} {other}");
                assert_eq!(ahead.count(), all.count(), "{one} {other}");
            }
        }
    }

    /// To the register, whatever modes they are in.
    #[test]
    fn a_union_is_the_librarys() {
        let sketches: Vec<Sketch> = SIZES.into_iter().chain([1_000_000]).map(|users| of(0..users)).collect();
        let others: Vec<Sketch> = SIZES.into_iter().map(|users| of(77..77 + users)).collect();
        let exceptions = |sketch: &Sketch| sketch.to_bytes().get(36).is_some_and(|count| *count > 0);
        assert!(sketches.iter().any(exceptions), "no register is far above the least");
        for one in &sketches {
            for other in &others {
                let mut library = union();
                library.update(&one.0);
                library.update(&other.0);
                let own = Sketch::of_all([one, other]);
                assert_eq!(own.0.composite_estimate().to_bits(), library.composite_estimate().to_bits());
                let stored = Sketch::from_bytes(&own.to_bytes()).unwrap();
                assert_eq!(stored.count(), own.count());
                let registers =
                    |sketch: &HllSketch| sketch.serialize().split_off(40.min(sketch.serialize().len()));
                assert_eq!(registers(&own.0), registers(&library.to_sketch(HllType::Hll8)));
                let again = Sketch::of_all([&own, &stored, one]);
                assert_eq!(again.count(), own.count());
            }
        }
    }

    #[test]
    fn garbage_is_refused() {
        for bytes in [&b""[..], b"x", &[0; 40], &HllSketch::new(10, REGISTERS).unwrap().serialize()] {
            Sketch::from_bytes(bytes).unwrap_err();
        }
    }

    #[test]
    fn a_register_that_no_user_can_have_is_refused() {
        let whole = Sketch::of_all([&of(0..5_000), &of(0..5_000)]).0.serialize();
        let packed = of(0..5_000).to_bytes();
        for (bytes, place, least, most) in [(&whole, 40 + 7, 63, 64), (&packed, 6, 48, 49)] {
            let with = |value: u8| {
                let mut bytes = bytes.clone();
                bytes[place] = value;
                Sketch::from_bytes(&bytes)
            };
            with(most).unwrap_err();
            let sketch = with(least).unwrap();
            let _ = Sketch::of_all([&sketch, &of(0..3)]).count();
        }
    }

    /// Stored sketches rest on them: another hash or encoding would count every user of before once more.
    #[test]
    fn hash_and_bytes_are_fixed() {
        let expected = [
            0x02, 0x01, 0x07, 0x0c, 0x03, 0x08, 0x03, 0x00, 0xfa, 0x64, 0x45, 0x09, 0x0a, 0xdf, 0x4f, 0x1c,
            0xf2, 0xc1, 0x01, 0x04,
        ];
        assert_eq!(of(0..3).to_bytes(), expected);
    }
}
