//! The heartbeat, which is nearly all of the traffic: one conditional write, and what its refusal asks for.

use crate::{
    id::SessionId,
    sessions::{
        error::SessionError,
        journal::Event,
        operations::keep_alive::{Kept, keep_alive},
        rules::{ClientInfo, EndReason},
        successor::Successor,
        visit::Visit,
    },
};

/// What a heartbeat found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// The session goes on.
    Active,
    /// The session goes on under another id.
    Renewed(SessionId),
    /// The session was ended, for good.
    Ended {
        /// By what, if that was written down.
        reason: Option<EndReason>,
    },
}

/// Keeps the session alive that `id` stands for; renews an expired one, and starts one for an unknown id.
pub async fn heartbeat(
    visit: Visit<'_>,
    id: SessionId,
    client: &ClientInfo,
) -> Result<Heartbeat, SessionError> {
    let mut successor = Successor::new(visit, client);
    match keep_alive(visit, id, &mut successor, &mut visit.retries()).await? {
        Kept::Ended(reason) => {
            visit.note(Event::Denied(id));
            Ok(Heartbeat::Ended { reason })
        }
        Kept::Alive(head) => {
            visit.note(Event::Heartbeat(head.id));
            Ok(if head.id == id { Heartbeat::Active } else { Heartbeat::Renewed(head.id) })
        }
    }
}
