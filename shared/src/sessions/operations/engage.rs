//! Engagement with content.

use crate::{
    dynamodb::Fault,
    id::SessionId,
    sessions::{
        chain::Walk,
        changes::Change,
        error::SessionError,
        journal::Event,
        rules::ClientInfo,
        standing::Standing,
        store::Write,
        successor::{Start, Successor},
        visit::Visit,
    },
};

/// Sets whether the user engaged with the content of the session that `id` stands for, and returns that session's
/// id. One that silently expired is renewed: the user is plainly back.
pub async fn engage(
    visit: Visit<'_>,
    id: SessionId,
    engaged: bool,
    client: &ClientInfo,
) -> Result<SessionId, SessionError> {
    let mut walk = Walk::new(visit, id);
    let mut successor = Successor::new(visit, client);
    let mut retries = visit.retries();
    let change = Change::Engage { engaged, moment: visit.moment };
    // A session starts without engagement.
    let mut before = false;
    let head = loop {
        let found = match walk.engage(&change).await? {
            (Write::Done, engaged_before) => {
                before = engaged_before;
                break walk.at();
            }
            (Write::Refused(found), _) => found,
        };
        match Standing::of(found.as_ref(), &visit.moment) {
            Standing::Live(_) => {
                let fault = Fault::Conflict("a live session refused the engagement".to_owned());
                walk.or_save(retries.spend(fault)).await?;
            }
            Standing::Renewed(pointer) => walk.follow(pointer).await?,
            Standing::Ended { .. } => {
                successor.settle(walk.at()).await;
                return Err(SessionError::Ended);
            }
            Standing::Unknown => return Err(SessionError::Unknown),
            Standing::Expired => {
                let start = successor.renew(walk.at(), engaged, &mut retries).await;
                if let Start::Done(head) = walk.or_save(start).await? {
                    break head.id;
                }
            }
        }
    };
    successor.settle(head).await;
    // One that was started here, though its answer was lost, has the value from then on.
    let before = before && successor.own(head).is_none();
    if engaged != before {
        visit.note(Event::Engaged { id: head, engaged });
    }
    Ok(head)
}
