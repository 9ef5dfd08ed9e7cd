//! What `erase` asks and tells.

use std::io::{self, Write};

use anyhow::{Context, Result, anyhow, ensure};

use super::{
    consent::{ask, is_somebody_there},
    progress::spinner,
};
use crate::{
    Deployment,
    user::{BATCH, Erased, UserItems},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  operator --stack user-sessions erase 'auth0|5f7c8ec7c33c'
  operator --stack user-sessions erase --yes 'auth0|5f7c8ec7c33c'
  cargo run -- --data .local erase alice

Fails where the answer is not yes, and where items are left: the user was active
meanwhile.";

/// Erases a user once a person has said yes.
pub(super) async fn ask_and_erase(deployment: &Deployment, sub: &str, out: &mut impl Write) -> Result<()> {
    let items = deployment.items_of(sub)?;
    ensure!(
        is_somebody_there(),
        "without a terminal nobody can be asked whether to erase: --yes erases without asking. Nothing was changed"
    );
    let (count, table, place) = (items.count().await?, items.table(), &deployment.place);
    if count == 0 {
        return told(Erased { deleted: 0, left: 0 }, out);
    }
    let question = format!(
        "{count} items of the user {sub} in the table {table} ({place}) will be deleted. That cannot be undone."
    );
    ask(&question, io::stdin().lock(), io::stderr().lock())?;
    delete(&items, out).await
}

/// Erases a user without a question.
pub(super) async fn erase(deployment: &Deployment, sub: &str, out: &mut impl Write) -> Result<()> {
    let items = deployment.items_of(sub)?;
    eprintln!("erasing from the table {} ({})", items.table(), deployment.place);
    delete(&items, out).await
}

async fn delete(items: &UserItems, out: &mut impl Write) -> Result<()> {
    let bar = spinner("deleted")?;
    let erased = tokio::select! {
        erased = items.erase(|deleted| bar.inc(deleted)) => erased,
        Ok(()) = tokio::signal::ctrl_c() => {
            Err(anyhow!("interrupted, perhaps with {BATCH} more on their way"))
        }
    };
    bar.finish_and_clear();
    let so_far = || format!("{} items were deleted so far; run it again to go on", bar.position());
    told(erased.with_context(so_far)?, out)
}

fn told(Erased { deleted, left }: Erased, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{deleted} items deleted, {left} left")?;
    ensure!(
        left == 0,
        "the user was active meanwhile: close the account at the identity provider, then run it again"
    );
    Ok(())
}
