//! A session as answers show it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::device::Device;
use crate::{clock::instant, sessions::rules::Session};

/// What the list has of each session. Instants are RFC 3339; `null` is what is not known.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    session_id: String,
    start_time: String,
    last_active_time: String,
    expires_at: String,
    is_active: bool,
    content_engaged: bool,
    ip_address: Option<String>,
    user_agent: Option<String>,
    device: Device,
    current: bool,
}

impl SessionView {
    /// A session that is live, or (`is_active` false) over. `current` is whether the caller's own id stands for it.
    #[must_use]
    pub fn new(session: Session, expires_at: DateTime<Utc>, is_active: bool, current: bool) -> Self {
        Self {
            session_id: session.id.to_string(),
            start_time: instant(session.start_time),
            last_active_time: instant(session.last_active_time),
            expires_at: instant(expires_at),
            is_active,
            content_engaged: session.content_engaged,
            device: Device::of(session.client.user_agent.as_deref()),
            ip_address: session.client.ip_address,
            user_agent: session.client.user_agent,
            current,
        }
    }
}
