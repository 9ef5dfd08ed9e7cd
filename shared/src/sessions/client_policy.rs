//! How much of a device a session keeps: its address and user agent as they came, less of them, or nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::rules::ClientInfo;
use crate::settings::{Environment, SettingsError};

/// What sessions keep of the device that started them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientPolicy {
    /// `STORED_IP_ADDRESS`.
    pub ip_address: Kept,
    /// `STORED_USER_AGENT`.
    pub user_agent: Kept,
}

/// How much is kept of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// All of it.
    #[default]
    Full,
    /// What it has in common with many others'.
    Truncated,
    /// Nothing.
    Nothing,
}

impl ClientPolicy {
    /// What the environment says; all is kept where it says nothing.
    pub(super) fn read(environment: &Environment<'_>) -> Result<Self, SettingsError> {
        Ok(Self {
            ip_address: Kept::read(environment, "STORED_IP_ADDRESS")?,
            user_agent: Kept::read(environment, "STORED_USER_AGENT")?,
        })
    }

    pub(crate) fn apply(self, client: &ClientInfo) -> ClientInfo {
        ClientInfo {
            ip_address: self.ip_address.of(client.ip_address.as_deref(), network),
            user_agent: self.user_agent.of(client.user_agent.as_deref(), browser_and_system),
        }
    }
}

impl Kept {
    fn read(environment: &Environment<'_>, name: &'static str) -> Result<Self, SettingsError> {
        match environment.text(name).as_str() {
            "" | "full" => Ok(Self::Full),
            "truncated" => Ok(Self::Truncated),
            "none" => Ok(Self::Nothing),
            value => {
                let (expected, value) = ("full, truncated or none", value.to_owned());
                Err(SettingsError::Invalid { name, expected, value })
            }
        }
    }

    fn of(self, text: Option<&str>, truncate: fn(&str) -> Option<String>) -> Option<String> {
        match self {
            Self::Full => text.map(str::to_owned),
            Self::Truncated => text.and_then(truncate),
            Self::Nothing => None,
        }
    }
}

/// The network of an address, as wide as a provider gives one to a site or to many customers: the first 24 bits of an
/// IPv4 address, 48 of an IPv6 one. Nothing of what is no address.
fn network(address: &str) -> Option<String> {
    Some(match address.parse().ok()? {
        IpAddr::V4(address) => {
            let [one, two, three, _] = address.octets();
            Ipv4Addr::new(one, two, three, 0).to_string()
        }
        IpAddr::V6(address) => {
            let [one, two, three, ..] = address.segments();
            Ipv6Addr::new(one, two, three, 0, 0, 0, 0, 0).to_string()
        }
    })
}

/// The words of a comment that tell a system. All else that may stand there can tell a device from others: its model, its
/// build, its name.
const SYSTEM: [&str; 24] = [
    "Android",
    "CPU",
    "CrOS",
    "Intel",
    "Linux",
    "Mac",
    "Macintosh",
    "NT",
    "OS",
    "WOW64",
    "Win64",
    "Windows",
    "X",
    "X11",
    "aarch64",
    "armv7l",
    "armv8l",
    "i686",
    "iPad",
    "iPhone",
    "iPod",
    "like",
    "x64",
    "x86_64",
];

/// What stands in a comment of every browser that is not Firefox.
const LIKE_GECKO: &str = "KHTML, like Gecko";

/// A user agent's products with the first numbers of their versions, and the system that its first comment tells.
fn browser_and_system(agent: &str) -> Option<String> {
    let (mut short, mut comments) = (Vec::new(), 0);
    let mut rest = agent;
    while let Some((before, after)) = rest.split_once('(') {
        short.extend(before.split_whitespace().filter_map(product));
        let (comment, after) = after.split_once(')').unwrap_or((after, ""));
        let told = if comment == LIKE_GECKO {
            Some(LIKE_GECKO.to_owned())
        } else {
            Some(comment).filter(|_| comments == 0).and_then(system)
        };
        short.extend(told.map(|told| format!("({told})")));
        comments += 1;
        rest = after;
    }
    short.extend(rest.split_whitespace().filter_map(product));
    (!short.is_empty()).then(|| short.join(" "))
}

/// `Chrome/131` of `Chrome/131.0.6778.86`, `Mobile` of itself or of `Mobile/15E148`; nothing of what is no product. Of a
/// longer number none is left: it is a date or a serial number.
fn product(token: &str) -> Option<String> {
    let Some((name, version)) = token.split_once('/') else {
        return (token == "Mobile").then(|| token.to_owned());
    };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let major = version.split('.').next().unwrap_or_default();
    Some(if is_number(version) && major.len() <= 4 { format!("{name}/{major}") } else { name.to_owned() })
}

/// Of `Linux; U; Android 14; Pixel 8` that it is `Linux; Android 14`.
fn system(comment: &str) -> Option<String> {
    let told = |part: &str| {
        let words = part.split_whitespace().take_while(|word| SYSTEM.contains(word) || is_number(word));
        let words: Vec<&str> = words.collect();
        words.first().is_some_and(|first| SYSTEM.contains(first)).then(|| words.join(" "))
    };
    let parts: Vec<String> = comment.split(';').filter_map(told).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// `10`, `10.0` or `10_15_7`.
fn is_number(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
        && word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(ip_address: Kept, user_agent: Kept) -> (Option<String>, Option<String>) {
        let client = ClientInfo {
            ip_address: Some("203.0.113.77".to_owned()),
            user_agent: Some("curl/8.5.0".to_owned()),
        };
        let client = ClientPolicy { ip_address, user_agent }.apply(&client);
        (client.ip_address, client.user_agent)
    }

    #[test]
    fn each_is_kept_whole_in_part_or_not_at_all() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(kept(Kept::Full, Kept::Full), (some("203.0.113.77"), some("curl/8.5.0")));
        assert_eq!(kept(Kept::Truncated, Kept::Full), (some("203.0.113.0"), some("curl/8.5.0")));
        assert_eq!(kept(Kept::Nothing, Kept::Truncated), (None, some("curl/8")));
        assert_eq!(kept(Kept::Full, Kept::Nothing), (some("203.0.113.77"), None));
    }

    #[test]
    fn a_network_names_no_host() {
        for (address, expected) in [
            ("198.51.100.255", Some("198.51.100.0")),
            ("2001:db8:1:2:3:4:5:6", Some("2001:db8:1::")),
            ("::ffff:198.51.100.7", Some("::")),
            ("somewhere", None),
            ("", None),
        ] {
            assert_eq!(network(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn a_user_agent_loses_its_builds_models_and_what_apps_add() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.6778.86 Safari/537.36",
                "Mozilla/5 (Windows NT 10.0; Win64; x64) AppleWebKit/537 (KHTML, like Gecko) Chrome/131 Safari/537",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A.1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
                "Mozilla/5 (Linux; Android 14) AppleWebKit/537 (KHTML, like Gecko) Chrome/131 Mobile Safari/537",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 361.0 (iPhone15,2; iOS 18_1; en_US) [FBAN/FBIOS;FBDM/{0=1}] user-4711",
                "Mozilla/5 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) Mobile",
            ),
            ("Dalvik/2.1.0 (Linux; U; Android 13; SM-G991B Build/TP1A)", "Dalvik/2 (Linux; Android 13)"),
            ("AcmeApp/5.1 (device 4711; ann@example.com)", "AcmeApp/5"),
            ("MyPhone/1 (SM-G991B; Android 13; Linux ann-laptop)", "MyPhone/1 (Android 13; Linux)"),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
                "Mozilla/5 (X11; Linux x86_64) Gecko Firefox/133",
            ),
            ("app/4711-secret phone/123456789 ann", "app phone"),
            // A version that only begins like a number, and a second comment, which no browser tells its system in.
            ("AcmeApp/5x (ann) Lib/2 (Windows NT 10.0; ann-laptop)", "AcmeApp Lib/2"),
            ("broken (Windows; two", "(Windows)"),
        ] {
            assert_eq!(browser_and_system(agent).as_deref(), Some(expected), "{agent}");
        }
        assert_eq!(browser_and_system("4711"), None);
    }
}
