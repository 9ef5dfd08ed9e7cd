//! Where a page finds the API and the identity provider.

use chrono::{DateTime, Utc};
use lambda_http::http::Uri;
use serde::Serialize;
use shared::{
    clock::instant,
    settings::{Environment, SettingsError},
};

pub(super) struct Settings {
    shown: Shown,
    /// The origins that a page may call.
    pub(super) connect_sources: Vec<String>,
}

/// What pages read, and anybody may know.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    api_url: String,
    issuer: String,
    /// Empty: nobody has said by which client the pages sign in.
    client_id: String,
    scope: String,
    /// What tokens are asked for, where the provider wants that to be said.
    audience: String,
    /// Cognito's sign-out, which its discovery does not tell; empty: as the discovery says.
    sign_out_url: String,
    metrics_permission: String,
    time_zone: String,
}

/// That, and the time here: a page reckons from it.
#[derive(Serialize)]
pub(super) struct ShownNow {
    #[serde(flatten)]
    shown: Shown,
    now: String,
}

impl Settings {
    pub(super) fn read(environment: &Environment<'_>) -> Result<Self, SettingsError> {
        let shown = Shown {
            api_url: environment.required("PAGES_API_URL")?,
            issuer: environment.required("PAGES_ISSUER")?,
            client_id: environment.text("PAGES_CLIENT_ID"),
            scope: environment.text("PAGES_SCOPE"),
            audience: environment.text("PAGES_AUDIENCE"),
            sign_out_url: environment.text("PAGES_SIGN_OUT_URL"),
            metrics_permission: environment.text("METRICS_PERMISSION"),
            time_zone: environment.text("REPORTING_TIME_ZONE"),
        };
        let more = environment.text("PAGES_CONNECT_SOURCES");
        let named = [("PAGES_API_URL", shown.api_url.as_str()), ("PAGES_ISSUER", shown.issuer.as_str())];
        let more = more.split([',', ' ']).filter(|source| !source.is_empty());
        let more = more.map(|source| ("PAGES_CONNECT_SOURCES", source));
        let mut connect_sources = Vec::new();
        for (name, url) in named.into_iter().chain(more) {
            let origin = origin(url).ok_or_else(|| SettingsError::Invalid {
                name,
                expected: "a URL like https://example.com",
                value: url.to_owned(),
            })?;
            if !connect_sources.contains(&origin) {
                connect_sources.push(origin);
            }
        }
        Ok(Self { shown, connect_sources })
    }

    pub(super) fn shown(&self, now: DateTime<Utc>) -> ShownNow {
        ShownNow { shown: self.shown.clone(), now: instant(now) }
    }
}

/// Scheme, host and port of a URL, as a policy names them.
fn origin(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let (scheme, authority) = (url.scheme_str()?, url.authority()?);
    // A semicolon or comma would end the policy's list.
    let is_host =
        authority.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    let has_a_port = authority.as_str() == authority.host() || authority.port_u16().is_some();
    (["http", "https"].contains(&scheme) && is_host && has_a_port).then(|| format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let of =
            |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        Settings::read(&Environment::new(&of)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_page_may_call_the_api_the_issuer_and_what_is_named() {
        let settings = read(&[
            ("PAGES_API_URL", "http://localhost:3000/demo"),
            ("PAGES_ISSUER", "https://example.com/realms/a"),
            ("PAGES_CONNECT_SOURCES", "https://token.example.com, https://example.com https://[::1]:8443/x"),
        ]);
        assert_eq!(
            settings.unwrap().connect_sources,
            [
                "http://localhost:3000",
                "https://example.com",
                "https://token.example.com",
                "https://[::1]:8443"
            ]
        );
    }

    #[test]
    fn what_is_no_url_is_named() {
        for source in [
            "'unsafe-inline'",
            "*",
            "https://*",
            "https://a;script-src",
            "example.com",
            "data:",
            "https://u@a",
            "https://a:99999",
        ] {
            let error = read(&[
                ("PAGES_API_URL", "https://a"),
                ("PAGES_ISSUER", "https://b"),
                ("PAGES_CONNECT_SOURCES", source),
            ]);
            let expected = format!(
                "the environment variable PAGES_CONNECT_SOURCES must be a URL like https://example.com, not {source:?}"
            );
            assert_eq!(error.err(), Some(expected));
        }
        assert_eq!(read(&[]).err().as_deref(), Some("the environment variable PAGES_API_URL is not set"));
    }
}
