//! The table: a record for each id. A write is what the service's own [`Condition`] and [`Change`] say of a record at
//! hand; here they are read for that, and never for DynamoDB.

use std::hash::{Hash, Hasher};

use chrono::{DateTime, Utc};
use shared::{
    id::SessionId,
    sessions::{
        changes::Change,
        conditions::Condition,
        rules::{Body, Moment, Record, Session, State, day_number},
    },
};

use crate::breaks::Break;

/// What is stored under an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: SessionId,
    pub(crate) record: Record,
    /// Whether it is in the index of the active sessions, if it is one.
    pub(crate) listed: bool,
}

/// All records of the one user that there is, in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Table(Vec<Entry>);

/// One write, or a part of a transaction.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Change(SessionId, Change),
    Put(SessionId, Record),
}

/// One call of DynamoDB: atomic, as a whole.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// One conditional write, or several in a transaction.
    Write(Vec<Write>),
    /// One record, read consistently.
    Get(SessionId),
    /// The ids in the index of the active sessions, from the day of the cut on.
    Active(Moment),
    /// The sessions of these ids.
    Batch(Vec<SessionId>),
}

/// What a call came to, as the function sees it.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Done,
    /// With the record that refused a single write.
    Refused(Option<Record>),
    /// An error that may pass. Whether the call took effect is not known.
    Fault,
    Found(Option<Record>),
    Ids(Vec<SessionId>),
    Sessions(Vec<Session>),
}

/// One record that a call has changed.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) write: Write,
    pub(crate) before: Option<Record>,
    pub(crate) after: Record,
}

impl Write {
    pub(crate) fn id(&self) -> SessionId {
        let (Self::Change(id, _) | Self::Put(id, _)) = self;
        *id
    }

    fn condition(&self, broken: Option<Break>) -> Condition {
        match (broken, self) {
            (Some(rule), _) if rule.demands_nothing_of(self) => {
                // Whatever is there.
                Condition::Absent.or(Condition::Absent.not())
            }
            (Some(rule), Self::Change(_, change)) => {
                rule.condition(change).unwrap_or_else(|| change.condition())
            }
            (None, Self::Change(_, change)) => change.condition(),
            (_, Self::Put(..)) => Condition::Absent,
        }
    }

    fn applied(&self, record: Option<&Record>, broken: Option<Break>) -> Option<Record> {
        match self {
            Self::Put(_, record) => Some(record.clone()),
            Self::Change(_, change) => {
                let after = change.apply(record?);
                Some(match broken {
                    Some(rule) => rule.applied(change, after),
                    None => after,
                })
            }
        }
    }
}

impl Call {
    pub(crate) fn change(id: SessionId, change: Change) -> Self {
        Self::Write(vec![Write::Change(id, change)])
    }

    pub(crate) fn is_write(&self) -> bool {
        matches!(self, Self::Write(_))
    }
}

impl Table {
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<&Record> {
        self.0.iter().find(|entry| entry.id == id).map(|entry| &entry.record)
    }

    /// All sessions that are stored as active, with their last activity.
    pub(crate) fn active(&self) -> impl Iterator<Item = (&Entry, &Session)> {
        self.0.iter().filter_map(|entry| {
            let session = entry.record.session()?;
            (session.state == State::Active).then_some((entry, session))
        })
    }

    /// Carries out a call, and tells what it came to and what it changed.
    pub(crate) fn answer(&mut self, call: &Call, broken: Option<Break>) -> (Outcome, Vec<Effect>) {
        let outcome = match call {
            Call::Write(writes) => return self.write(writes, broken),
            Call::Get(id) => Outcome::Found(self.get(*id).cloned()),
            Call::Active(moment) => {
                let since = day_number(moment.cut());
                let is_read = |(entry, session): &(&Entry, &Session)| {
                    entry.listed && day_number(session.last_active_time) >= since
                };
                Outcome::Ids(self.active().filter(is_read).map(|(entry, _)| entry.id).collect())
            }
            Call::Batch(ids) => {
                let sessions = ids.iter().filter_map(|id| self.get(*id)?.session().cloned());
                Outcome::Sessions(sessions.collect())
            }
        };
        (outcome, Vec::new())
    }

    /// Deletes a record, as TTL does.
    pub(crate) fn purge(&mut self, id: SessionId) {
        self.0.retain(|entry| entry.id != id);
    }

    pub(crate) fn put(&mut self, id: SessionId, record: Record) {
        let entry = Entry { id, record, listed: true };
        match self.0.binary_search_by_key(&id, |entry| entry.id) {
            Ok(at) => self.0[at] = entry,
            Err(at) => self.0.insert(at, entry),
        }
    }

    fn write(&mut self, writes: &[Write], broken: Option<Break>) -> (Outcome, Vec<Effect>) {
        let refusing = writes.iter().find(|write| !write.condition(broken).holds(self.get(write.id())));
        if let Some(write) = refusing {
            let single = if writes.len() == 1 { self.get(write.id()).cloned() } else { None };
            return (Outcome::Refused(single), Vec::new());
        }
        let mut effects = Vec::with_capacity(writes.len());
        for write in writes {
            let before = self.get(write.id()).cloned();
            let Some(after) = write.applied(before.as_ref(), broken) else { continue };
            if let Write::Change(id, Change::Unlist(_)) = write {
                self.0.iter_mut().filter(|entry| entry.id == *id).for_each(|entry| entry.listed = false);
            } else if matches!(write, Write::Change(_, Change::Touch(_)) | Write::Put(..)) {
                self.put(write.id(), after.clone());
            } else if let Some(entry) = self.0.iter_mut().find(|entry| entry.id == write.id()) {
                entry.record = after.clone();
            }
            effects.push(Effect { write: write.clone(), before, after });
        }
        (Outcome::Done, effects)
    }
}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let time = |time: DateTime<Utc>| time.timestamp_millis();
        (self.id, self.listed, time(self.record.purge_at)).hash(hasher);
        match &self.record.body {
            Body::Tombstone { renewed_to } => renewed_to.hash(hasher),
            Body::Session(session) => {
                let Session { start_time, last_active_time, state, content_engaged, renewed_from, .. } =
                    session;
                (time(*start_time), time(*last_active_time), content_engaged, renewed_from).hash(hasher);
                match state {
                    State::Active => 0_u8.hash(hasher),
                    State::Ended { end_time, reason } => {
                        (1_u8, time(*end_time), reason.map(shared::sessions::rules::EndReason::name))
                            .hash(hasher);
                    }
                    State::Expired { end_time, renewed_to } => {
                        (2_u8, time(*end_time), renewed_to).hash(hasher);
                    }
                }
            }
        }
    }
}
