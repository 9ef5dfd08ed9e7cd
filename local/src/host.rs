//! Which host names mean this machine.

use std::net::IpAddr;

/// Whether `host`, without a port, names this machine: `localhost`, `*.localhost` or a loopback address.
pub(crate) fn is_local(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&host);
    host == "localhost"
        || (host.ends_with(".localhost") && !host.contains(['[', ']', ':']))
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The host of a `Host` header, if that is a name or address that a URL can have, and perhaps a port.
pub(crate) fn of_header(header: &str) -> Option<&str> {
    let (host, port) = parts(header);
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_[]:".contains(&byte));
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    (!host.is_empty() && is_name && is_port).then_some(host)
}

/// Host and port of a `Host` header. An IPv6 address is in brackets.
pub(crate) fn parts(header: &str) -> (&str, Option<&str>) {
    match header.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (header, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_local_header(header: &str) -> bool {
        of_header(header).is_some_and(is_local)
    }

    #[test]
    fn only_names_of_this_machine_are_local() {
        for host in
            ["localhost", "LOCALHOST:3000", "api.localhost:3000", "127.0.0.1", "127.0.0.1:80", "[::1]:3000"]
        {
            assert!(is_local_header(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "notlocalhost",
            "localhost:99999999",
            "localhost:x",
            "localhost:",
            "a b.localhost",
            "<x>.localhost",
            "%.localhost",
            "#.localhost",
            "u:p@x.localhost",
            "/x.localhost",
            "[.localhost",
            "10.0.0.1:3000",
            "[fe80::1]:3000",
        ] {
            assert!(!is_local_header(host), "{host}");
        }
    }
}
