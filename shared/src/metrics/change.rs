//! What a stream record says about a session.

use aws_lambda_events::event::dynamodb::EventRecord;
use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{sequence::SequenceNumber, totals::Contribution};
use crate::{
    id::UserId,
    session::{Body, Session},
    store::{self, Malformed},
};

/// A write of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in the shard.
    pub sequence: SequenceNumber,
    /// When the stream noted it.
    pub created: DateTime<Utc>,
    /// The session's user.
    pub user: UserId,
    /// The session before, unless this write started it.
    pub old: Option<Session>,
    /// The session after.
    pub new: Session,
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

impl Change {
    /// Whether it changes nothing that is counted.
    #[must_use]
    pub fn is_neutral(&self) -> bool {
        let before = self.old.as_ref().map(|old| Contribution::of(&self.user, old));
        before == Some(Contribution::of(&self.user, &self.new))
    }

    /// The change that a record tells of; `None` for one that does not count: a deletion, or a tombstone.
    pub fn of(record: &EventRecord) -> Result<Option<Self>, Undecodable> {
        if !matches!(record.event_name.as_str(), "INSERT" | "MODIFY") {
            return Ok(None);
        }
        let change = &record.change;
        let (user, new) = store::decode_image(change.new_image.clone())?;
        let Body::Session(new) = new.body else { return Ok(None) };
        let old = if change.old_image.is_empty() {
            None
        } else {
            match store::decode_image(change.old_image.clone())?.1.body {
                Body::Session(old) => Some(old),
                Body::Tombstone { .. } => None,
            }
        };
        let sequence = change.sequence_number.as_deref().and_then(SequenceNumber::parse);
        Ok(Some(Self {
            sequence: sequence.ok_or(Undecodable::Record("sequence number"))?,
            created: change.approximate_creation_date_time,
            user,
            old,
            new,
        }))
    }
}
