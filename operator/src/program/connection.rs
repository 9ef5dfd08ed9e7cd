//! The way to AWS: region, endpoint and credentials from where AWS tools look for them.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::{Client, config::Builder};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use clap::{Arg, ArgMatches};
use shared::{clock::Clock, dynamodb::RetryConflicts};

use super::{
    chosen::Unusable,
    setting::{global, text},
};
use crate::{Deployment, check::Cloud, patient};

/// Where AWS is, and who asks.
pub(super) struct Aws {
    config: SdkConfig,
    endpoint: Endpoint,
}

/// Where DynamoDB is, as far as the argument or its variable says.
enum Endpoint {
    At(String),
    /// As the template has the variable: there, and empty.
    Emptied,
    /// Where the AWS configuration has it.
    Usual,
}

/// The arguments that say where AWS is.
pub(super) fn args() -> [Arg; 2] {
    [
        global("region", "REGION", "The region [default: that of the AWS profile]").env("AWS_REGION"),
        global("endpoint", "URL", "Another DynamoDB than the region's").env("AWS_ENDPOINT_URL_DYNAMODB"),
    ]
}

impl Aws {
    /// Reads the usual configuration, which the arguments for region and endpoint win over. Needs no credentials yet.
    pub(super) async fn load(matches: &ArgMatches) -> Result<Self> {
        let https = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(https);
        if let Some(region) = text(matches, "region") {
            loader = loader.region(Region::new(region.to_owned()));
        }
        let endpoint = Endpoint::read(matches)?;
        let config = loader.load().await;
        ensure!(
            config.region().is_some_and(|region| !region.as_ref().is_empty()),
            Unusable(
                "no region: give --region or AWS_REGION, or name a profile that has one in AWS_PROFILE"
                    .to_owned()
            )
        );
        Ok(Self { config, endpoint })
    }

    /// The deployment with these settings.
    pub(super) fn deployment(&self, settings: HashMap<String, String>) -> Deployment {
        Deployment {
            client: patient(&self.dynamodb()),
            place: self.place(),
            settings,
            clock: Clock::system(),
        }
    }

    /// A client of DynamoDB.
    fn dynamodb(&self) -> Client {
        let mut config = Builder::from(&self.config);
        match &self.endpoint {
            Endpoint::At(url) => config.set_endpoint_url(Some(url.clone())),
            // The SDK would take the empty text for a URL, and panic.
            Endpoint::Emptied => config.set_endpoint_url(self.config.endpoint_url().map(str::to_owned)),
            Endpoint::Usual => &mut config,
        };
        // The SDK by itself does not repeat a write that met a transaction, a renewal's say.
        Client::from_conf(config.retry_classifier(RetryConflicts).build())
    }

    /// Clients of what a stack is made of.
    pub(super) fn cloud(&self) -> Cloud {
        Cloud {
            cloudformation: aws_sdk_cloudformation::Client::new(&self.config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&self.config),
            lambda: aws_sdk_lambda::Client::new(&self.config),
            sqs: aws_sdk_sqs::Client::new(&self.config),
        }
    }

    /// What all clients are made of.
    pub(super) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The region's name.
    pub(super) fn region(&self) -> &str {
        self.config.region().map(Region::as_ref).unwrap_or_default()
    }

    /// Where DynamoDB is, for people.
    fn place(&self) -> String {
        match (&self.endpoint, self.config.endpoint_url()) {
            (Endpoint::At(url), _) => url.clone(),
            (_, Some(url)) => url.to_owned(),
            (_, None) => format!("region {}", self.region()),
        }
    }
}

impl Endpoint {
    fn read(matches: &ArgMatches) -> Result<Self, Unusable> {
        match text(matches, "endpoint") {
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
                Ok(Self::At(url.to_owned()))
            }
            Some(_) => Err(Unusable("--endpoint must be a URL like http://127.0.0.1:8000".to_owned())),
            None if matches.contains_id("endpoint") => Ok(Self::Emptied),
            None => Ok(Self::Usual),
        }
    }
}
