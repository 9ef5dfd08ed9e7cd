//! Ends: of one session, of all but one, and of all.

use futures_util::future::join_all;

use crate::{
    dynamodb::{BATCH, Fault, Retries},
    id::SessionId,
    sessions::{
        chain::Walk,
        changes::Change,
        error::SessionError,
        journal::Event,
        limits::{self, AT_ONCE},
        operations::list::ids_of,
        rules::{EndReason, Pointer},
        standing::Standing,
        store::Write,
        visit::Visit,
    },
};

/// What an end of one record came to.
enum Ending {
    Ended,
    EndedBefore,
    Unknown,
    Renewed(Pointer),
}

/// Ends the session that `id` stands for, unless that is done, and returns that session's id.
pub async fn end(visit: Visit<'_>, id: SessionId, reason: EndReason) -> Result<SessionId, SessionError> {
    let mut walk = Walk::new(visit, id);
    let mut retries = visit.retries();
    loop {
        let ending = end_one(visit, walk.at(), reason, &mut retries).await;
        match walk.or_save(ending).await? {
            Ending::Unknown => return Err(SessionError::Unknown),
            Ending::Ended | Ending::EndedBefore => return Ok(walk.at()),
            Ending::Renewed(pointer) => walk.follow(pointer).await?,
        }
    }
}

/// Ends the caller's live sessions but the one that `kept` stands for, and returns how many. It works page by page, so
/// that what is done stays done when the time is spent, and a repeat goes on from there.
pub async fn end_others(visit: Visit<'_>, kept: Option<SessionId>) -> Result<usize, SessionError> {
    let mut ended = 0;
    end_live(visit, kept, EndReason::EndedOthers, || ended += 1).await?;
    Ok(ended)
}

/// Ends all live sessions of the user, for whoever runs the service. `ended` hears of each, whatever happens next; what
/// starts meanwhile may be left, for a repeat.
pub async fn end_all(visit: Visit<'_>, ended: impl FnMut()) -> Result<(), SessionError> {
    end_live(visit, None, EndReason::Operator, ended).await
}

async fn end_live(
    visit: Visit<'_>,
    kept: Option<SessionId>,
    reason: EndReason,
    mut ended: impl FnMut(),
) -> Result<(), SessionError> {
    let mut pages = visit.records().active(&visit.moment, i32::try_from(BATCH).ok());
    while let Some(ids) = pages.next().await? {
        visit.in_time()?;
        let mut live = visit.records().batch(&ids).await?;
        let long_expired = live.iter().filter(|session| visit.moment.finds_long_expired(session));
        // Or a repeat would read them again before it comes to what lives.
        limits::unlist(visit, &long_expired.map(|session| session.id).collect::<Vec<_>>()).await;
        live.retain(|session| visit.moment.finds_live(session));
        if live.is_empty() {
            continue;
        }
        // The order matters: a session that renews the kept one from here on is not in the page. So does the time: since
        // the page before, the kept one may have been renewed by one in this page.
        let kept = match kept {
            // Never end what might be the kept session: a heartbeat shortens a chain that is too long, then this works.
            Some(id) => ids_of(visit, id, &live).await?,
            None => Vec::new(),
        };
        let others: Vec<SessionId> =
            live.iter().map(|session| session.id).filter(|id| !kept.contains(id)).collect();
        for some in others.chunks(AT_ONCE) {
            visit.in_time()?;
            // No step along a chain: what renewed a session since it was listed may be the kept one.
            // Each at its own moment: there may be many, and the last are ended later than the first.
            let endings = some
                .iter()
                .map(|id| async { end_one(visit.anew(), *id, reason, &mut visit.retries()).await });
            let endings = join_all(endings).await;
            // All of them, before the first fault counts.
            endings.iter().filter(|ending| matches!(ending, Ok(Ending::Ended))).for_each(|_| ended());
            endings.into_iter().collect::<Result<Vec<Ending>, _>>()?;
        }
    }
    Ok(())
}

/// Ends the session of that very record, without a step along its chain.
async fn end_one(
    visit: Visit<'_>,
    id: SessionId,
    reason: EndReason,
    retries: &mut Retries,
) -> Result<Ending, SessionError> {
    let moment = visit.moment;
    loop {
        let mut outcome = visit.records().end(id, &Change::End { reason, moment }).await?;
        let mut had_expired = false;
        if let Write::Refused(found) = &outcome
            && let standing @ (Standing::Live(_) | Standing::Expired) = Standing::of(found.as_ref(), &moment)
        {
            had_expired = standing == Standing::Expired;
            outcome = visit.records().end(id, &Change::EndAsOfLastActivity { reason, moment }).await?;
        }
        let found = match outcome {
            Write::Done => {
                if had_expired {
                    visit.note(Event::Expired(id));
                }
                visit.note(Event::Ended { id, reason });
                return Ok(Ending::Ended);
            }
            Write::Refused(found) => found,
        };
        match Standing::of(found.as_ref(), &moment) {
            Standing::Unknown => return Ok(Ending::Unknown),
            Standing::Ended { .. } => return Ok(Ending::EndedBefore),
            Standing::Renewed(pointer) => return Ok(Ending::Renewed(pointer)),
            // It moved between the two writes.
            Standing::Live(_) | Standing::Expired => {
                retries.spend(Fault::Conflict("the session moved while it was ended".to_owned()))?;
            }
        }
    }
}
