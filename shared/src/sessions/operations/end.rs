//! Ends: of one session, and of all but one.

use futures_util::future::join_all;

use crate::{
    dynamodb::{Fault, Retries},
    id::{SessionId, UserId},
    sessions::{
        app::App, chain::Walk, changes::Change, error::SessionError, journal::Event,
        operations::list::ids_of, rules::Pointer, standing::Standing, store::Write, visit::Visit,
    },
};

/// How many sessions `end_others` ends at a time.
const ENDED_AT_ONCE: usize = 16;

/// What an end of one record came to.
enum Ending {
    Ended,
    EndedBefore,
    Unknown,
    Renewed(Pointer),
}

/// Ends the session that `id` stands for, unless that is done, and returns that session's id.
pub async fn end(app: &App, user: &UserId, id: SessionId) -> Result<SessionId, SessionError> {
    let visit = Visit::new(app, user);
    let mut walk = Walk::new(visit, id);
    let mut retries = Retries::new();
    loop {
        match end_one(visit, walk.at(), &mut retries).await? {
            Ending::Unknown => return Err(SessionError::Unknown),
            Ending::Ended | Ending::EndedBefore => return Ok(walk.at()),
            Ending::Renewed(pointer) => walk.follow(pointer).await?,
        }
    }
}

/// Ends the caller's live sessions but the one that `kept` stands for, and returns how many.
pub async fn end_others(app: &App, user: &UserId, kept: Option<SessionId>) -> Result<usize, SessionError> {
    let visit = Visit::new(app, user);
    // The order matters: a session that renews the kept one from here on is not in the list.
    let live = app.store.live(user, &visit.moment).await?;
    let kept = match kept {
        // Never end what might be the kept session: a heartbeat shortens a chain that is too long, then this works.
        Some(id) => ids_of(visit, id, &live).await?,
        None => Vec::new(),
    };
    let others: Vec<SessionId> =
        live.iter().map(|session| session.id).filter(|id| !kept.contains(id)).collect();
    let mut ended = 0;
    for batch in others.chunks(ENDED_AT_ONCE) {
        // No step along a chain: what renewed a session since it was listed may be the kept one.
        // Each at its own moment: there may be many, and the last are ended later than the first.
        let endings =
            batch.iter().map(|id| async { end_one(Visit::new(app, user), *id, &mut Retries::new()).await });
        for ending in join_all(endings).await {
            ended += usize::from(matches!(ending?, Ending::Ended));
        }
    }
    Ok(ended)
}

/// Ends the session of that very record, without a step along its chain.
async fn end_one(visit: Visit<'_>, id: SessionId, retries: &mut Retries) -> Result<Ending, SessionError> {
    let Visit { app, user, moment } = visit;
    loop {
        let mut outcome = app.store.end(user, id, &Change::End(moment)).await?;
        let mut had_expired = false;
        if let Write::Refused(found) = &outcome
            && let standing @ (Standing::Live(_) | Standing::Expired) = Standing::of(found.as_ref(), &moment)
        {
            had_expired = standing == Standing::Expired;
            outcome = app.store.end(user, id, &Change::EndAsOfLastActivity(moment)).await?;
        }
        let found = match outcome {
            Write::Done => {
                if had_expired {
                    visit.note(Event::Expired(id));
                }
                visit.note(Event::Ended(id));
                return Ok(Ending::Ended);
            }
            Write::Refused(found) => found,
        };
        match Standing::of(found.as_ref(), &moment) {
            Standing::Unknown => return Ok(Ending::Unknown),
            Standing::Ended(_) => return Ok(Ending::EndedBefore),
            Standing::Renewed(pointer) => return Ok(Ending::Renewed(pointer)),
            // It moved between the two writes.
            Standing::Live(_) | Standing::Expired => {
                retries.spend(Fault::Conflict("the session moved while it was ended".to_owned()))?;
            }
        }
    }
}
