//! Tokens whose signature was found good: it is verified once, and not with each of a user's requests.

use std::sync::Arc;

use quick_cache::sync::Cache;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::keys::KEPT;

/// Beyond so many tokens, those that nobody has used for long are verified again.
const TOKENS: usize = 4_096;

/// The claims of tokens, by the tokens' hashes: what is kept lets nobody in.
pub(super) struct Remembered(Cache<[u8; 32], Token>);

#[derive(Clone)]
struct Token {
    claims: Arc<Map<String, Value>>,
    verified: Instant,
}

impl Default for Remembered {
    fn default() -> Self {
        Self(Cache::new(TOKENS))
    }
}

impl Remembered {
    /// The claims of a token whose signature was good no longer ago than a set of keys is kept.
    pub(super) fn find(&self, token: &str) -> Option<Arc<Map<String, Value>>> {
        let known = self.0.get(&hash(token))?;
        (known.verified.elapsed() < KEPT).then_some(known.claims)
    }

    /// A token whose signature is good, with its claims.
    pub(super) fn add(&self, token: &str, claims: &Arc<Map<String, Value>>) {
        self.0.insert(hash(token), Token { claims: Arc::clone(claims), verified: Instant::now() });
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
