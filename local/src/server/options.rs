//! What a server can be told at its start.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    path::PathBuf,
};

use anyhow::Result;
use aws_sdk_dynamodb::config::SharedHttpClient;
use reqwest::Url;
use shared::clock::Clock;

use super::guard::{HostName, Origin};
use crate::{
    identity::{AUDIENCE, Provider},
    sample::Sample,
    template::{Template, Values},
};

/// How a server is to be; by default all in memory, for tokens of its own.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port; 0 picks one.
    pub port: u16,
    /// The address to listen on in the place of the loopback's two.
    pub listen: Option<IpAddr>,
    /// Another template than the one that is built in.
    pub template: Option<PathBuf>,
    /// Values of the template's parameters, which win over their defaults.
    pub parameters: BTreeMap<String, String>,
    /// Where to keep the data of the embedded engine; in memory if `None`.
    pub data: Option<PathBuf>,
    /// Another engine than the embedded one.
    pub dynamodb: Option<Url>,
    /// A real identity provider, and what its tokens must be for.
    pub provider: Option<Provider>,
    /// Whether there is the demo: at `/` and under `/demo`, with data of its own and tokens of the provider for development.
    pub demo: bool,
    /// Names and addresses by which this machine goes, beside those of the loopback.
    pub allow_hosts: Vec<HostName>,
    /// Origins whose pages may call, beside those of this machine.
    pub allow_origins: Vec<Origin>,
    /// Environment variables of the functions, which win over the template's.
    pub environment: HashMap<String, String>,
    /// What to fill the embedded engine with before it serves.
    pub sample: Option<Sample>,
    /// What time it is for the functions.
    pub clock: Clock,
    /// What time it is for tokens. They are as old as they are: this is the system's time even where the functions' is
    /// moved.
    pub token_clock: Clock,
    /// The way to the engine over a network, for one who wants to listen in or disturb; the usual one if `None`.
    pub http_client: Option<SharedHttpClient>,
}

/// Where an API is reached, and the development provider whose tokens it takes.
pub(crate) struct Place {
    pub(crate) api: String,
    pub(crate) provider: String,
}

impl Options {
    /// The template that these options name, with what they set in it. Its API is at `place`, where that is known.
    pub(crate) fn read_template(&self, place: Option<&Place>) -> Result<Template> {
        let mut parameters = Values { given: &self.parameters, assumed: Vec::new() };
        let mut stands_in = BTreeMap::new();
        if let Some(Provider { issuer, audiences }) = &self.provider {
            parameters.assumed.push(("JwtIssuer", issuer.clone()));
            parameters.assumed.push(("JwtAudience", audiences.join(",")));
        } else if let Some(Place { provider, .. }) = place {
            // In the place of the Cognito user pool that a deployment would have.
            stands_in.extend([
                ("PAGES_ISSUER", provider.as_str()),
                ("PAGES_CLIENT_ID", AUDIENCE),
                ("PAGES_SIGN_OUT_URL", ""),
                ("PAGES_CONNECT_SOURCES", ""),
            ]);
        }
        let overrides = |name: &str| {
            let own = self.environment.get(name).map(String::as_str);
            own.or_else(|| stands_in.get(name).copied()).map(str::to_owned)
        };
        let url = place.map(|place| place.api.as_str());
        Template::read(self.template.as_deref(), &parameters, url, overrides)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            listen: None,
            template: None,
            parameters: BTreeMap::new(),
            data: None,
            dynamodb: None,
            provider: None,
            demo: false,
            allow_hosts: Vec::new(),
            allow_origins: Vec::new(),
            environment: HashMap::new(),
            sample: None,
            clock: Clock::system(),
            token_clock: Clock::system(),
            http_client: None,
        }
    }
}
