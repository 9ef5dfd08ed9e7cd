//! Who calls: the JWT authorizer, and the identity provider whose tokens it lets in, a real one or the one for
//! development.

mod authorizer;
mod development;
mod key_file;
mod keys;
mod remembered;
mod rsa_by_ring;
mod signer;

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use shared::clock::Clock;

use self::{
    keys::{Keys, Published},
    remembered::Remembered,
};

pub use self::development::AUDIENCE;
pub(crate) use self::{
    authorizer::{Authorizer, Refusal},
    development::{Development, DevelopmentProvider},
};

/// A real identity provider, which the one for development gives way to.
#[derive(Clone, Debug)]
pub struct Provider {
    /// The issuer of its tokens, to the letter.
    pub issuer: String,
    /// What its tokens may be for: `aud`, or `client_id` where a token has no `aud`.
    pub audiences: Vec<String>,
}

impl Authorizer {
    /// Lets in the tokens of a real provider, which is asked for its keys at once.
    pub(crate) async fn of(provider: &Provider, clock: Clock) -> Result<Self> {
        rsa_by_ring::install();
        let Provider { issuer, audiences } = provider.clone();
        let keys = Keys::Published(Published::fetch(&issuer).await?);
        Ok(Self { issuer, audiences, keys, clock, remembered: Remembered::default() })
    }

    /// Lets in the tokens of a new development provider, and gives the provider's routes too.
    pub(crate) fn of_development(development: Development) -> Result<(Self, Router)> {
        rsa_by_ring::install();
        let clock = development.clock.clone();
        let provider = DevelopmentProvider::start(development)?;
        let keys = Keys::Own(Arc::clone(&provider));
        let (issuer, audiences) = (provider.issuer.clone(), vec![AUDIENCE.to_owned()]);
        let remembered = Remembered::default();
        Ok((Self { issuer, audiences, keys, clock, remembered }, provider.router()))
    }
}
