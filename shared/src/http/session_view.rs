//! A session as answers show it.

use serde::Serialize;

use super::device::Device;
use crate::{clock::instant, sessions::operations::Listed};

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
    /// The same of a session that is over.
    #[must_use]
    pub fn over(self) -> Self {
        Self { is_active: false, ..self }
    }
}

impl From<Listed> for SessionView {
    fn from(Listed { session, expires_at, current }: Listed) -> Self {
        Self {
            session_id: session.id.to_string(),
            start_time: instant(session.start_time),
            last_active_time: instant(session.last_active_time),
            expires_at: instant(expires_at),
            is_active: true,
            content_engaged: session.content_engaged,
            device: Device::of(session.client.user_agent.as_deref()),
            ip_address: session.client.ip_address,
            user_agent: session.client.user_agent,
            current,
        }
    }
}
