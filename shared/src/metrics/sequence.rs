//! Sequence numbers of stream records: decimal strings of 21 to 40 digits, which no integer type holds.

use std::cmp::Ordering;

/// A sequence number, ordered as the number that it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SequenceNumber(String);

impl SequenceNumber {
    /// The number that `digits` are; `None` if they are none.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_number.then(|| Self(digits.trim_start_matches('0').to_owned()))
    }

    /// Its digits, without leading zeros.
    #[must_use]
    pub fn as_str(&self) -> &str {
        if self.0.is_empty() { "0" } else { &self.0 }
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_digits_are_a_number() {
        for text in ["", "-1", "1.5", "0x1", " 1", "١"] {
            assert_eq!(SequenceNumber::parse(text), None, "{text}");
        }
        assert_eq!(SequenceNumber::parse("000"), SequenceNumber::parse("0"));
        assert_eq!(SequenceNumber::parse("000").unwrap().as_str(), "0");
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_numbers(one: u128, other: u128, zeros in 0_usize..5) {
            let (left, right) = (SequenceNumber::parse(&format!("{}{one}", "0".repeat(zeros))), SequenceNumber::parse(&other.to_string()));
            prop_assert_eq!(left.cmp(&right), one.cmp(&other));
        }
    }
}
