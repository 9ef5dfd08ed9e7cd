//! What a stream record changes of the metrics.

use aws_lambda_events::event::dynamodb::EventRecord;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use thiserror::Error;

use super::{
    contribution::{Contribution, day_of_session},
    sequence::SequenceNumber,
};
use crate::{
    id::UserId,
    sessions::{Malformed, item, rules::Record},
};

/// What a write of a session changes of the totals of its day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The place of its record in the shard.
    pub sequence: SequenceNumber,
    /// When the stream noted it.
    pub created: DateTime<Utc>,
    /// The day on which the session started.
    pub day: NaiveDate,
    /// The session's user.
    pub user: UserId,
    /// What the session contributed before, unless this write started it.
    pub before: Option<Contribution>,
    /// What it contributes now.
    pub after: Contribution,
}

/// A record that cannot be decoded; names what is wrong with it, never its content.
#[derive(Debug, Error)]
pub enum Undecodable {
    /// The record's frame.
    #[error("the stream record has no usable {0}")]
    Record(&'static str),
    /// One of its images.
    #[error(transparent)]
    Image(#[from] Malformed),
}

impl Delta {
    /// Whether it changes nothing that is counted.
    #[must_use]
    pub fn is_neutral(&self) -> bool {
        self.before == Some(self.after)
    }

    /// The delta that a record tells of; `None` for one that does not count: a deletion, or a tombstone. Days are those
    /// of `zone`.
    pub fn of(record: &EventRecord, zone: Tz) -> Result<Option<Self>, Undecodable> {
        if !matches!(record.event_name.as_str(), "INSERT" | "MODIFY") {
            return Ok(None);
        }
        let change = &record.change;
        let (user, new) = item::decode_image(change.new_image.clone())?;
        let Some(session) = new.session() else { return Ok(None) };
        let old = match (record.event_name.as_str(), change.old_image.is_empty()) {
            ("INSERT", true) => None,
            // Or a change would be counted as one more session.
            (_, true) => return Err(Undecodable::Record("old image")),
            (_, false) => Some(item::decode_image(change.old_image.clone())?.1),
        };
        let sequence = change.sequence_number.as_deref().and_then(SequenceNumber::parse);
        Ok(Some(Self {
            sequence: sequence.ok_or(Undecodable::Record("sequence number"))?,
            created: change.approximate_creation_date_time,
            day: day_of_session(session, zone),
            user,
            before: old.as_ref().and_then(Record::session).map(Contribution::of),
            after: Contribution::of(session),
        }))
    }
}
