//! Keeping the session alive that an id stands for, whatever has become of that id.

use crate::{
    dynamodb::Retries,
    id::SessionId,
    sessions::{
        chain::Walk,
        changes::Change,
        error::SessionError,
        rules::{EndReason, Head},
        standing::Standing,
        store::Write,
        successor::{Start, Successor},
        visit::Visit,
    },
};

/// What became of the session that was to be kept alive.
pub(super) enum Kept {
    /// It lives, perhaps under another id.
    Alive(Head),
    /// It was ended, by what is written down.
    Ended(Option<EndReason>),
}

/// Touches the live session that `id` stands for; renews an expired one, and starts one for an unknown id, as
/// `successor` says.
pub(super) async fn keep_alive(
    visit: Visit<'_>,
    id: SessionId,
    successor: &mut Successor<'_>,
    retries: &mut Retries,
) -> Result<Kept, SessionError> {
    let mut walk = Walk::new(visit, id);
    let head = loop {
        let found = match walk.change(&Change::Touch(visit.moment)).await? {
            Write::Done => break visit.head_written_now(walk.at()),
            Write::Refused(found) => found,
        };
        let start = match Standing::of(found.as_ref(), &visit.moment) {
            // Another host's clock is ahead, or this was done before.
            Standing::Live(purge_at) => break Head { id: walk.at(), purge_at },
            Standing::Ended { reason, purge_at } => {
                walk.arrive(Head { id: walk.at(), purge_at }).await;
                // If it was started here, its answer was lost, and another start has ended it since.
                successor.settle(walk.at()).await;
                return Ok(Kept::Ended(reason));
            }
            Standing::Renewed(pointer) => {
                walk.follow(pointer).await?;
                continue;
            }
            Standing::Expired => successor.renew(walk.at(), false, retries).await,
            Standing::Unknown => successor.start_for_unknown(walk.at(), retries).await,
        };
        if let Start::Done(head) = walk.or_save(start).await? {
            break head;
        }
    };
    walk.arrive(head).await;
    successor.settle(head.id).await;
    Ok(Kept::Alive(head))
}
