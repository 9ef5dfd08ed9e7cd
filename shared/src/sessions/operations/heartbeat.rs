//! The heartbeat, which is nearly all of the traffic: one conditional write, and what its refusal asks for.

use crate::{
    dynamodb::Retries,
    id::{SessionId, UserId},
    sessions::{
        app::App, error::SessionError, journal::Event, operations::keep_alive::keep_alive, rules::ClientInfo,
        successor::Successor, visit::Visit,
    },
};

/// What a heartbeat found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// The session goes on.
    Active,
    /// The session goes on under another id.
    Renewed(SessionId),
    /// The session is over.
    Expired,
}

/// Keeps the session alive that `id` stands for; renews an expired one, and starts one for an unknown id.
pub async fn heartbeat(
    app: &App,
    user: &UserId,
    id: SessionId,
    client: &ClientInfo,
) -> Result<Heartbeat, SessionError> {
    let visit = Visit::new(app, user);
    let mut successor = Successor::new(visit, client);
    let Some(head) = keep_alive(visit, id, &mut successor, &mut Retries::new()).await? else {
        return Ok(Heartbeat::Expired);
    };
    visit.note(Event::Heartbeat(head.id));
    Ok(if head.id == id { Heartbeat::Active } else { Heartbeat::Renewed(head.id) })
}
