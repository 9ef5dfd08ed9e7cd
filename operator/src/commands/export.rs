//! What `export` tells.

use std::io::{ErrorKind, Write};

use anyhow::{Error, Result, anyhow};

use crate::Deployment;

pub(super) const EXAMPLES: &str = "\
Examples:
  operator --stack user-sessions export 'auth0|5f7c8ec7c33c' > user.jsonl
  operator --sessions-table SessionsTable-1ABC export 'auth0|5f7c8ec7c33c'
  cargo run -- --data .local export alice";

/// Writes a user's items to `out`.
pub(super) async fn export(deployment: &Deployment, sub: &str, out: &mut impl Write) -> Result<()> {
    let written = deployment.items_of(sub)?.export(out).await.map_err(told)?;
    // Not among the lines, which another program may read.
    eprintln!("{written} items");
    Ok(())
}

/// A program that has read enough ends, and its pipe with it: `head`, say.
fn told(error: Error) -> Error {
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    if kind == Some(ErrorKind::BrokenPipe) {
        return anyhow!("not all was written: what reads the lines has ended");
    }
    error
}
