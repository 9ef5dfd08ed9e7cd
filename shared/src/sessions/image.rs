//! An image in the table's stream, read from its JSON in one pass, for who counts every change of every session.
//!
//! It is sure of what this service writes, and of nothing else: where an image is any different (an attribute that is
//! unknown, missing or of another type), it is no [`Image`], and whoever reads it asks [`decode_image`], which is slow and
//! has the last word. So nothing may be an image here that is none there, or is another one.
//!
//! [`decode_image`]: super::item::decode_image

use std::{borrow::Cow, fmt, marker::PhantomData};

use chrono::{DateTime, Utc};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, IntoDeserializer, MapAccess, Visitor},
};

use super::{
    error::Malformed,
    item::{
        CONTENT_ENGAGED, END_REASON, END_TIME, LAST_ACTIVE_TIME, PARTITION_KEY, PURGE_AT, SessionItem,
        StateName, sub_in,
    },
    rules::{Body, Session},
};
use crate::id::SessionId;

/// An image of a session or a tombstone.
pub(crate) struct Image<'a>(SessionItem<'a>);

impl Image<'_> {
    /// The `sub` of the user; `None` if there is none that can be used.
    pub(crate) fn sub(&self) -> Option<&str> {
        sub_in(&self.0.pk)
    }

    /// The session, but for its device and the reason of its end; `None` of a tombstone.
    pub(crate) fn session(self) -> Result<Option<Session>, Malformed> {
        match self.0.into_record()?.body {
            Body::Session(session) => Ok(Some(session)),
            Body::Tombstone { .. } => Ok(None),
        }
    }
}

impl<'de> Deserialize<'de> for Image<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ImageVisitor)
    }
}

struct ImageVisitor;

impl<'de> Visitor<'de> for ImageVisitor {
    type Value = Image<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an image of a session")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut item = SessionItem::default();
        let (mut state, mut purge_at) = (None, None);
        while let Some(name) = map.next_key::<&str>()? {
            match name {
                PARTITION_KEY => item.pk = text(&mut map)?.0,
                "sk" => item.sk = text(&mut map)?.0,
                "state" => state = Some(StateName::deserialize(text(&mut map)?.0.into_deserializer())?),
                "startTime" => item.start_time = Some(milliseconds(&mut map)?),
                LAST_ACTIVE_TIME => item.last_active_time = Some(milliseconds(&mut map)?),
                END_TIME => item.end_time = Some(milliseconds(&mut map)?),
                CONTENT_ENGAGED => item.content_engaged = Some(map.next_value_seed(of_type("BOOL"))?),
                "renewedFrom" => item.renewed_from = Some(id(&mut map)?),
                "renewedTo" => item.renewed_to = Some(id(&mut map)?),
                PURGE_AT => purge_at = Some(time(DateTime::from_timestamp(number(&mut map)?, 0))?),
                // No figure needs them, but a record whose they are not of their type is none.
                END_REASON | "ipAddress" | "userAgent" => drop(text(&mut map)?),
                "activeDay" => drop(number(&mut map)?),
                _ => return Err(Error::custom("an unknown attribute")),
            }
        }
        let (Some(state), Some(purge_at), false) = (state, purge_at, item.sk.is_empty()) else {
            return Err(Error::custom("an attribute is missing"));
        };
        (item.state, item.purge_at) = (state, purge_at);
        Ok(Image(item))
    }
}

fn text<'de, M: MapAccess<'de>>(map: &mut M) -> Result<Text<'de>, M::Error> {
    map.next_value_seed(of_type("S"))
}

fn number<'de, M: MapAccess<'de>>(map: &mut M) -> Result<i64, M::Error> {
    let digits: &str = map.next_value_seed(of_type("N"))?;
    digits.parse().map_err(|_| Error::custom("no whole number"))
}

fn milliseconds<'de, M: MapAccess<'de>>(map: &mut M) -> Result<DateTime<Utc>, M::Error> {
    time(DateTime::from_timestamp_millis(number(map)?))
}

fn time<E: Error>(time: Option<DateTime<Utc>>) -> Result<DateTime<Utc>, E> {
    time.ok_or_else(|| E::custom("no time"))
}

fn id<'de, M: MapAccess<'de>>(map: &mut M) -> Result<SessionId, M::Error> {
    text(map)?.0.parse().map_err(Error::custom)
}

/// Text that is borrowed, unless something in it is escaped.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// An attribute of a type: in DynamoDB's JSON an object with one member, named for the type.
struct OfType<T>(&'static str, PhantomData<T>);

fn of_type<T>(name: &'static str) -> OfType<T> {
    OfType(name, PhantomData)
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for OfType<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for OfType<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an attribute of the type {}", self.0)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<T, M::Error> {
        if map.next_key::<&str>()? != Some(self.0) {
            return Err(Error::custom("of another type"));
        }
        let value = map.next_value()?;
        match map.next_key::<IgnoredAny>()? {
            None => Ok(value),
            Some(_) => Err(Error::custom("of two types")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};
    use serde_json::{Value, json};

    use super::{
        super::{
            item::decode_image,
            rules::{ClientInfo, State},
        },
        *,
    };
    use crate::id::UserId;

    /// As this service writes them: every state, a tombstone, with and without what is optional.
    fn usual() -> impl Strategy<Value = Vec<(String, Value)>> {
        let state = prop_oneof![Just("active"), Just("ended"), Just("expired"), Just("tombstone")];
        let agent = prop_oneof![Just("curl/8.5"), Just("\"quoted\" \\ é\u{1F600}\t"), Just("")];
        (state, "[!-~]{1,40}", 0_i64..4_000_000_000_000, any::<[bool; 4]>(), agent).prop_map(
            |(state, sub, start, [engaged, renewed, device, reason], agent)| {
                let id = |last: u8| format!("0198c0de-0000-7000-8000-0000000000{last:02x}");
                let mut all = vec![
                    ("pk", json!({ "S": format!("USER#{sub}") })),
                    ("sk", json!({ "S": format!("SESSION#{}", id(1)) })),
                    ("state", json!({ "S": if state == "tombstone" { "expired" } else { state } })),
                    ("purgeAt", json!({ "N": (start / 1_000 + 1).to_string() })),
                ];
                if state == "expired" || state == "tombstone" {
                    all.push(("renewedTo", json!({ "S": id(2) })));
                }
                if state == "ended" || state == "expired" {
                    all.push(("endTime", json!({ "N": (start + 9).to_string() })));
                }
                if state != "tombstone" {
                    all.push(("startTime", json!({ "N": start.to_string() })));
                    all.push(("lastActiveTime", json!({ "N": (start + 7).to_string() })));
                    all.push(("contentEngaged", json!({ "BOOL": engaged })));
                }
                if state == "active" {
                    all.push(("activeDay", json!({ "N": "20000" })));
                }
                if state == "ended" && reason {
                    all.push(("endReason", json!({ "S": "logout" })));
                }
                if state != "tombstone" && renewed {
                    all.push(("renewedFrom", json!({ "S": id(3) })));
                }
                if state != "tombstone" && device {
                    all.push(("ipAddress", json!({ "S": "203.0.113.7" })));
                    all.push(("userAgent", json!({ "S": agent })));
                }
                all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            },
        )
    }

    fn odd_value() -> impl Strategy<Value = Value> {
        proptest::sample::select(vec![
            json!({ "S": "" }),
            json!({ "S": "ended" }),
            json!({ "S": "USER#" }),
            json!({ "S": "SESSION#0198C0DE-0000-7000-8000-0000000000FF" }),
            json!({ "S": "0198C0DE-0000-7000-8000-0000000000FF" }),
            json!({ "N": "0" }),
            json!({ "N": "-1" }),
            json!({ "N": "+7" }),
            json!({ "N": "1.5" }),
            json!({ "N": "1e3" }),
            json!({ "N": "253402300800000" }),
            json!({ "N": "9223372036854775808" }),
            json!({ "N": 5 }),
            json!({ "S": null }),
            json!({ "BOOL": true }),
            json!({ "BOOL": "true" }),
            json!({ "NULL": true }),
            json!({ "B": "AAAA" }),
            json!({ "L": [{ "S": "x" }] }),
            json!({ "M": { "S": { "S": "x" } } }),
            json!({ "SS": ["x"] }),
            json!({ "NS": ["1"] }),
            json!({ "S": "x", "N": "1" }),
            json!({ "X": "x" }),
            json!({}),
            json!([]),
            json!(["x"]),
            json!("x"),
            json!(null),
        ])
    }

    /// How an image is changed: which attribute becomes what.
    fn changes() -> impl Strategy<Value = Vec<(u8, Index, Value)>> {
        proptest::collection::vec((0_u8..4, any::<Index>(), odd_value()), 0..3)
    }

    /// The JSON, in which an attribute may be twice, as in no `Value`.
    fn written(mut image: Vec<(String, Value)>, changes: Vec<(u8, Index, Value)>, escaped: bool) -> String {
        for (kind, which, value) in changes {
            let place = which.index(image.len());
            match kind {
                0 => drop(image.remove(place)),
                1 => image[place].1 = value,
                2 => image.push((image[place].0.clone(), value)),
                _ => image.push(("unheardOf".to_owned(), value)),
            }
        }
        let members = image.iter().map(|(name, value)| format!("{}:{value}", json!(name)));
        let text = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        if escaped { text.replace('e', "\\u0065") } else { text }
    }

    /// What the slow reading makes of it.
    fn in_full(text: &str) -> Option<(UserId, Option<Session>)> {
        let (user, record) = decode_image(serde_json::from_str(text).ok()?).ok()?;
        let mut session = record.session().cloned();
        if let Some(session) = &mut session {
            session.client = ClientInfo::default();
            if let State::Ended { reason, .. } = &mut session.state {
                *reason = None;
            }
        }
        Some((user, session))
    }

    fn in_one_pass(text: &str) -> Option<(UserId, Option<Session>)> {
        let image: Image<'_> = serde_json::from_str(text).ok()?;
        let user = image.sub()?.parse().unwrap();
        Some((user, image.session().ok()?))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_this_service_writes_is_read_in_one_pass(image in usual()) {
            let text = written(image, Vec::new(), false);
            let read = in_one_pass(&text);
            prop_assert!(read.is_some(), "{}", text);
            prop_assert_eq!(read, in_full(&text));
        }

        #[test]
        fn an_image_is_never_another_one_than_in_full(image in usual(), changes in changes(), escaped: bool) {
            let text = written(image, changes, escaped);
            if let Some(read) = in_one_pass(&text) {
                prop_assert_eq!(Some(read), in_full(&text), "{}", text);
            }
        }
    }
}
