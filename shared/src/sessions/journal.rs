//! The journal of sessions' lives: each event is a log line, most are a counter too, and both are written here.

use super::{
    rules::{EndReason, Session},
    visit::Visit,
};
use crate::{
    counters::{self, Counter},
    id::SessionId,
};

/// Something in a session's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A login, or a heartbeat on an unknown id, started it.
    Started(SessionId),
    /// It started in the place of an expired one.
    Renewed {
        /// The new session.
        id: SessionId,
        /// The expired one.
        from: SessionId,
    },
    /// It was found to have expired.
    Expired(SessionId),
    /// It was ended.
    Ended {
        /// The session.
        id: SessionId,
        /// By what.
        reason: EndReason,
    },
    /// Its user engaged with the content, or takes that back. Saying so again is no event.
    Engaged {
        /// The session.
        id: SessionId,
        /// The new value; only true is counted.
        engaged: bool,
    },
    /// A heartbeat kept it alive, renewed or started it.
    Heartbeat(SessionId),
    /// A heartbeat came for it, or through it for the one that its chain led to, and that was ended.
    Denied(SessionId),
}

impl Visit<'_> {
    /// Writes an event down.
    pub(super) fn note(&self, event: Event) {
        let metric = match event {
            Event::Started(id) => {
                tracing::info!(session_id = %id, user = self.log_name(), "session started");
                "SessionsStarted"
            }
            Event::Renewed { id, from } => {
                tracing::info!(session_id = %id, renewed_from = %from, user = self.log_name(), "session renewed");
                "SessionsRenewed"
            }
            Event::Expired(id) => {
                tracing::info!(session_id = %id, user = self.log_name(), "session expired");
                "SessionsExpired"
            }
            Event::Ended { id, reason } => {
                tracing::info!(session_id = %id, user = self.log_name(), reason = reason.name(), "session ended");
                "SessionsEnded"
            }
            Event::Engaged { id, engaged: true } => {
                tracing::info!(session_id = %id, user = self.log_name(), "session engaged");
                "SessionsEngaged"
            }
            Event::Engaged { id, engaged: false } => {
                tracing::info!(session_id = %id, user = self.log_name(), "session not engaged any more");
                return;
            }
            // Not counted here: a line for each would be a twentieth of what it costs, and the access log has one.
            Event::Heartbeat(id) => {
                tracing::debug!(session_id = %id, user = self.log_name(), "heartbeat");
                return;
            }
            // The other denied requests are errors, of which `http` tells in the same words.
            Event::Denied(id) => {
                tracing::info!(code = "session_ended", session_id = %id, user = self.log_name(), "request denied");
                return Counter::Denied.count();
            }
        };
        counters::count(metric);
    }

    /// Writes down that a session started, and that the one it renews had expired.
    pub(super) fn note_start(&self, session: &Session) {
        let id = session.id;
        match session.renewed_from {
            None => self.note(Event::Started(id)),
            Some(from) => {
                self.note(Event::Expired(from));
                self.note(Event::Renewed { id, from });
            }
        }
    }
}
