//! Engagement with content.

use crate::{
    dynamodb::{Fault, Retries},
    id::{SessionId, UserId},
    sessions::{
        app::App,
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
    app: &App,
    user: &UserId,
    id: SessionId,
    engaged: bool,
    client: &ClientInfo,
) -> Result<SessionId, SessionError> {
    let visit = Visit::new(app, user);
    let mut walk = Walk::new(visit, id);
    let mut successor = Successor::new(visit, client);
    let mut retries = Retries::new();
    let head = loop {
        let change = Change::Engage { engaged, moment: visit.moment };
        let found = match visit.change(walk.at(), &change).await? {
            Write::Done => break walk.at(),
            Write::Refused(found) => found,
        };
        match Standing::of(found.as_ref(), &visit.moment) {
            Standing::Live(_) => {
                retries.spend(Fault::Conflict("a live session refused the engagement".to_owned()))?;
            }
            Standing::Renewed(pointer) => walk.follow(pointer).await?,
            Standing::Ended(_) => return Err(SessionError::Ended),
            Standing::Unknown => return Err(SessionError::Unknown),
            Standing::Expired => {
                if let Start::Done(head) = successor.renew(walk.at(), engaged, &mut retries).await? {
                    break head.id;
                }
            }
        }
    };
    successor.note_if_own(head);
    visit.note(Event::Engaged { id: head, engaged });
    Ok(head)
}
