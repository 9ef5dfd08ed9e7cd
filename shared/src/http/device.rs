//! The device that a user agent tells of.

use serde::Serialize;
use woothee::parser::Parser;

/// Words for people; `null` where the user agent does not tell.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Device {
    browser: Option<String>,
    os: Option<String>,
    is_mobile: bool,
}

impl Device {
    pub(crate) fn of(user_agent: Option<&str>) -> Self {
        let Some(agent) = user_agent.and_then(|agent| Parser::new().parse(agent)) else {
            return Self::default();
        };
        let known = |name: &str| (name != woothee::woothee::VALUE_UNKNOWN).then(|| name.to_owned());
        Self {
            browser: known(agent.name),
            os: known(agent.os),
            is_mobile: matches!(agent.category, "smartphone" | "mobilephone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::{ClientPolicy, Kept, rules::ClientInfo};

    fn device(browser: &str, os: &str, is_mobile: bool) -> Device {
        Device { browser: Some(browser.to_owned()), os: Some(os.to_owned()), is_mobile }
    }

    #[test]
    fn common_browsers_are_recognised() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
                device("Chrome", "Windows 10", false),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
                device("Edge", "Windows 10", false),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
                device("Safari", "Mac OSX", false),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
                device("Safari", "iPhone", true),
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
                device("Chrome", "Android", true),
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
                device("Firefox", "Linux", false),
            ),
        ] {
            assert_eq!(Device::of(Some(agent)), expected, "{agent}");
            let policy = ClientPolicy { user_agent: Kept::Truncated, ..ClientPolicy::default() };
            let kept = policy.apply(&ClientInfo { user_agent: Some(agent.to_owned()), ip_address: None });
            assert_eq!(Device::of(kept.user_agent.as_deref()), expected, "{agent} in short");
        }
    }

    #[test]
    fn an_unknown_or_absent_user_agent_tells_nothing() {
        for agent in [None, Some(""), Some("-"), Some("my own client/1.0")] {
            assert_eq!(Device::of(agent), Device::default(), "{agent:?}");
        }
    }
}
