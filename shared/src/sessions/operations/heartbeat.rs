//! The heartbeat, which is nearly all of the traffic: one conditional write, and what its refusal asks for.

use crate::{
    dynamodb::Retries,
    id::{SessionId, UserId},
    sessions::{
        app::App,
        chain::Walk,
        changes::Change,
        error::SessionError,
        journal::Event,
        rules::{ClientInfo, Head},
        standing::Standing,
        store::Write,
        successor::{Start, Successor},
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
    let mut walk = Walk::new(visit, id);
    let mut successor = Successor::new(visit, client);
    let mut retries = Retries::new();
    let head = loop {
        let found = match visit.change(walk.at(), &Change::Touch(visit.moment)).await? {
            Write::Done => break visit.head_written_now(walk.at()),
            Write::Refused(found) => found,
        };
        let start = match Standing::of(found.as_ref(), &visit.moment) {
            // Another host's clock is ahead, or this was done before.
            Standing::Live(purge_at) => break Head { id: walk.at(), purge_at },
            Standing::Ended(purge_at) => {
                walk.arrive(Head { id: walk.at(), purge_at }).await;
                return Ok(Heartbeat::Expired);
            }
            Standing::Renewed(pointer) => {
                walk.follow(pointer).await?;
                continue;
            }
            Standing::Expired => successor.renew(walk.at(), false, &mut retries).await?,
            Standing::Unknown => successor.start_for_unknown(walk.at(), &mut retries).await?,
        };
        if let Start::Done(head) = start {
            break head;
        }
    };
    walk.arrive(head).await;
    successor.note_if_own(head.id);
    visit.note(Event::Heartbeat(head.id));
    Ok(if head.id == id { Heartbeat::Active } else { Heartbeat::Renewed(head.id) })
}
