//! Sequence numbers of stream records: decimal strings of 21 to 40 digits, which no integer type holds.

/// The most digits that DynamoDB gives one.
const MOST_DIGITS: usize = 40;

/// A sequence number, ordered as the number that it is: by its length, and then digit by digit. Each record has one, so
/// it needs no memory of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SequenceNumber {
    length: usize,
    digits: [u8; MOST_DIGITS],
}

impl SequenceNumber {
    /// The number that `digits` are; `None` if they are none, or more than a sequence number has.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let significant = digits.trim_start_matches('0').as_bytes();
        let mut number = Self { length: significant.len(), digits: [0; MOST_DIGITS] };
        number.digits.get_mut(..number.length)?.copy_from_slice(significant);
        Some(number)
    }

    /// Its digits, without leading zeros.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match str::from_utf8(&self.digits[..self.length]) {
            Ok(digits) if !digits.is_empty() => digits,
            _ => "0",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_digits_are_a_number() {
        for text in ["", "-1", "1.5", "0x1", " 1", "١", &"1".repeat(41)] {
            assert_eq!(SequenceNumber::parse(text), None, "{text}");
        }
        assert_eq!(SequenceNumber::parse("000"), SequenceNumber::parse("0"));
        assert_eq!(SequenceNumber::parse("000").unwrap().as_str(), "0");
        let longest = "9".repeat(40);
        assert_eq!(SequenceNumber::parse(&format!("0{longest}")).unwrap().as_str(), longest);
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_numbers(one: u128, other: u128, zeros in 0_usize..5) {
            let (left, right) = (SequenceNumber::parse(&format!("{}{one}", "0".repeat(zeros))), SequenceNumber::parse(&other.to_string()));
            prop_assert_eq!(left.cmp(&right), one.cmp(&other));
        }
    }
}
