//! What stopped a call to AWS, in one line that says what to do. The SDK's own account fills a screen.

use std::fmt;

use anyhow::{Chain, Error, anyhow};
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use shared::{metrics::MetricsError, sessions::SessionError};

/// What an error's account holds, as AWS or the SDK names it, and what a person does about it.
const KNOWN: [(&[&str], &str); 4] = [
    (
        &["ResourceNotFoundException"],
        "it does not exist in this account and region: check its name, the region and whose credentials these are",
    ),
    (
        &[
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "ExpiredToken",
            "InvalidSignature",
            "SignatureDoesNotMatch",
        ],
        "AWS does not accept the credentials: they are wrong, or no longer valid. Sign in again (`aws sso login`, say)",
    ),
    (&["AccessDenied"], "access denied. docs/operations.md has the policy that each command needs"),
    (
        // As the SDK's account has them, and as the words of a fault that was told to the log.
        &[
            "CredentialsNotLoaded",
            "ProviderError",
            "ProviderTimedOut",
            "InvalidConfiguration",
            "credential provider",
            "credentials provider",
            "loading credentials",
        ],
        "there are no credentials that can be used: name a profile in AWS_PROFILE, sign in (`aws sso login`), or set \
         AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
];

/// A call for which there is no permission.
#[derive(Debug)]
pub(crate) struct Denied(String);

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Denied {}

/// A call that failed on `subject`, a table's name say.
pub(crate) fn of_call<E>(error: SdkError<E>, subject: &str) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    // For what the person cannot mend the service's own words are best.
    let words = error.as_service_error().and_then(|service| {
        let (code, message) = (service.code()?, service.message().unwrap_or_default());
        Some(format!("{subject}: {code}: {message}"))
    });
    let account = DisplayErrorContext(&error).to_string();
    let known = one_line(&account, subject).or(words.map(Error::msg));
    // Without an answer it is the innermost cause that tells which file, profile or program failed.
    if let (Some(known), SdkError::DispatchFailure(_)) = (&known, &error) {
        let cause = Chain::new(&error).last().map(ToString::to_string).unwrap_or_default();
        // Where nothing was set up at all it is a list of all that could have been.
        let has_list = cause.lines().count() > 1;
        return if has_list { anyhow!("{known}") } else { anyhow!("{known} ({cause})") };
    }
    known.unwrap_or_else(|| {
        Error::new(error).context(format!("{subject}: no answer; check region and endpoint"))
    })
}

/// An access to the metrics table, named `table`, that failed.
pub(crate) fn of_metrics(error: MetricsError, table: &str) -> Error {
    one_line(&error.to_string(), table).unwrap_or_else(|| error.into())
}

/// An operation on the sessions in `table` that failed.
pub(crate) fn of_sessions(error: SessionError, table: &str) -> Error {
    one_line(&error.to_string(), table).unwrap_or_else(|| error.into())
}

fn one_line(account: &str, subject: &str) -> Option<Error> {
    let (_, advice) = KNOWN.iter().find(|(names, _)| names.iter().any(|name| account.contains(name)))?;
    Some(match denied(account) {
        Some(action) => Denied(format!("{subject}: no permission for {action}: {advice}")).into(),
        None => anyhow!("{subject}: {advice}"),
    })
}

/// The action that was denied: `dynamodb:Scan`.
fn denied(account: &str) -> Option<&str> {
    let (_, rest) = account.split_once("not authorized to perform: ")?;
    rest.split([' ', '"', ',']).next()
}
