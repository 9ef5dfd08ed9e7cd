//! How far each shard of the stream has been applied to a row, and how a row stores that: packed, since it is written with
//! each batch and never looked at.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::sequence::SequenceNumber;

/// How far a shard has been applied to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The last record.
    pub sequence: SequenceNumber,
    /// When the mark last moved, by the clock of the host that moved it.
    pub moved: DateTime<Utc>,
}

/// The marks of a row, by the names of their shards.
pub type Marks = BTreeMap<String, Mark>;

/// The names that DynamoDB gives are of this form, with 20 decimal digits and 8 hexadecimal ones: 12 bytes.
const NAME: (&str, &str) = ("shardId-", "-");

/// In the place of a name's length: it is packed.
const PACKED: u8 = 0;

/// One after the other: the length of the shard's name and the name (or [`PACKED`] and its numbers), how many digits the
/// sequence number has and two of them in each byte, and the milliseconds of the time in six bytes. `None` if there is a
/// name of more than 255 bytes, which no shard has.
pub(super) fn to_bytes(marks: &Marks) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for (shard, mark) in marks {
        if let Some((number, suffix)) = numbers_in(shard) {
            bytes.push(PACKED);
            bytes.extend(number.to_be_bytes());
            bytes.extend(suffix.to_be_bytes());
        } else {
            bytes.push(u8::try_from(shard.len()).ok().filter(|length| *length != PACKED)?);
            bytes.extend(shard.as_bytes());
        }
        let digits = mark.sequence.as_str().as_bytes();
        bytes.push(u8::try_from(digits.len()).ok()?);
        let digit = |digit: Option<&u8>| digit.map_or(0, |digit| digit - b'0');
        bytes.extend(digits.chunks(2).map(|pair| digit(pair.first()) << 4 | digit(pair.get(1))));
        bytes.extend(&mark.moved.timestamp_millis().to_be_bytes()[2..]);
    }
    Some(bytes)
}

/// What [`to_bytes`] wrote; `None` for what it did not.
pub(super) fn from_bytes(mut bytes: &[u8]) -> Option<Marks> {
    let mut marks = Marks::new();
    while let Some(length) = bytes.split_off_first() {
        let shard = if *length == PACKED {
            let number = u64::from_be_bytes(*split_off_chunk(&mut bytes)?);
            name_of(number, u32::from_be_bytes(*split_off_chunk(&mut bytes)?))
        } else {
            str::from_utf8(bytes.split_off(..usize::from(*length))?).ok()?.to_owned()
        };
        let length = usize::from(*bytes.split_off_first()?);
        let pairs = bytes.split_off(..length.div_ceil(2))?;
        let digits = pairs.iter().flat_map(|pair| [pair >> 4, pair & 0x0f]).take(length);
        let digits: String = digits.map(|digit| char::from(b'0' + digit)).collect();
        let mut moved = [0; 8];
        moved[2..].copy_from_slice(bytes.split_off(..6)?);
        let moved = DateTime::from_timestamp_millis(i64::from_be_bytes(moved))?;
        marks.insert(shard, Mark { sequence: SequenceNumber::parse(&digits)?, moved });
    }
    Some(marks)
}

fn split_off_chunk<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (chunk, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(chunk)
}

/// The numbers that are all there is in a name.
fn numbers_in(shard: &str) -> Option<(u64, u32)> {
    let (number, suffix) = shard.strip_prefix(NAME.0)?.split_once(NAME.1)?;
    let numbers = (number.parse().ok()?, u32::from_str_radix(suffix, 16).ok()?);
    // Leading zeros, a sign, capitals: only what comes out the same.
    (name_of(numbers.0, numbers.1) == shard).then_some(numbers)
}

fn name_of(number: u64, suffix: u32) -> String {
    format!("{}{number:020}{}{suffix:08x}", NAME.0, NAME.1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marks() -> impl Strategy<Value = Marks> {
        let shard = prop_oneof![
            "shardId-[0-9]{20}-[0-9a-f]{8}",
            "shardId-[+0-9]{18,22}-[0-9a-fA-F+]{7,9}",
            "[ -~é]{1,60}",
        ];
        let mark = (shard, "[0-9]{1,40}", 0_i64..1 << 47);
        proptest::collection::vec(mark, 0..6).prop_map(|marks| {
            let mark = |(shard, digits, moved): (String, String, i64)| {
                let moved = DateTime::from_timestamp_millis(moved).unwrap_or_default();
                (shard, Mark { sequence: SequenceNumber::parse(&digits).unwrap(), moved })
            };
            marks.into_iter().map(mark).collect()
        })
    }

    proptest! {
        #[test]
        fn marks_survive_the_round_trip(marks in marks()) {
            prop_assert_eq!(from_bytes(&to_bytes(&marks).unwrap()), Some(marks));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(0_u8..60, 0..80)) {
            let _ = from_bytes(&bytes);
        }
    }

    #[test]
    fn a_mark_of_dynamodbs_takes_33_bytes() {
        let mark =
            Mark { sequence: SequenceNumber::parse(&"9".repeat(25)).unwrap(), moved: DateTime::default() };
        let marks = |shard: &str| Marks::from([(shard.to_owned(), mark.clone())]);
        assert_eq!(to_bytes(&marks("shardId-00000001767225600000-0a1b2c3d")).unwrap().len(), 33);
        assert_eq!(to_bytes(&marks("")), None);
        assert_eq!(to_bytes(&marks(&"x".repeat(256))), None);
    }
}
