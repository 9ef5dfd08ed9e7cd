//! Texts and attributes as they should not be, beside some as they should.

use arbitrary::{Result, Unstructured};
use serde_json::{Value, json};

const TEXTS: [&str; 24] = [
    "",
    " ",
    "metrics:read",
    "[metrics:read]",
    "[\"metrics:read\"]",
    "id",
    "access",
    "alice",
    "active",
    "ended",
    "expired",
    "USER#",
    "USER#alice",
    "SESSION#",
    "SESSION#0198c0de-0000-7000-8000-000000000001",
    "0198c0de-0000-7000-8000-000000000001",
    "0198C0DE-0000-7000-8000-00000000000A",
    "{0198c0de-0000-7000-8000-00000000001}",
    "2026-01-31",
    "2026-01-31T23:59:59.999+05:45",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
    "null",
    "\u{1f600}\u{e9}\u{0}\r\n\t\"\\",
    "%00%ff+&=",
];

const NUMBERS: [&str; 18] = [
    "0",
    "-1",
    "1",
    "+7",
    "1.5",
    "1e3",
    "20454",
    "1767225600",
    "1767225600000",
    "1767229200000",
    "253402300799999",
    "253402300800000",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "99999999999999999999999999999999999999",
    "007",
    "",
];

/// A text: one of a list, any, or one many times over.
pub(crate) fn text(input: &mut Unstructured<'_>) -> Result<String> {
    Ok(match input.int_in_range(0..=7_u8)? {
        0..=3 => (*input.choose(&TEXTS)?).to_owned(),
        4..=6 => input.arbitrary::<&str>()?.to_owned(),
        _ => {
            let piece = if input.arbitrary()? { "x" } else { "\u{e9}" };
            piece.repeat(input.int_in_range(1..=600)?)
        }
    })
}

/// A number as DynamoDB writes one, or what is none.
pub(crate) fn number(input: &mut Unstructured<'_>) -> Result<String> {
    Ok(match input.int_in_range(0..=5_u8)? {
        0..=2 => (*input.choose(&NUMBERS)?).to_owned(),
        3 => input.int_in_range(1_767_000_000_000..=1_768_000_000_000_i64)?.to_string(),
        4 => input.arbitrary::<i64>()?.to_string(),
        _ => input.arbitrary::<&str>()?.to_owned(),
    })
}

/// An attribute's value in DynamoDB's JSON, of any type, at most so deep.
pub(crate) fn attribute(input: &mut Unstructured<'_>, depth: u8) -> Result<Value> {
    Ok(match input.int_in_range(0..=14_u8)? {
        0..=3 => json!({ "S": text(input)? }),
        4..=6 => json!({ "N": number(input)? }),
        7 => json!({ "BOOL": input.arbitrary::<bool>()? }),
        8 => json!({ "NULL": true }),
        9 => json!({ "SS": [text(input)?] }),
        10 => json!({ "NS": [number(input)?] }),
        11 => json!({ "B": "AAAA" }),
        12 if depth > 0 => json!({ "L": [attribute(input, depth - 1)?] }),
        13 if depth > 0 => json!({ "M": { text(input)?: attribute(input, depth - 1)? } }),
        12 | 13 => json!({}),
        _ => input
            .choose(&[
                json!({ "S": 1 }),
                json!({ "N": 1 }),
                json!({ "S": "x", "N": "1" }),
                json!([]),
                json!(null),
            ])?
            .clone(),
    })
}
