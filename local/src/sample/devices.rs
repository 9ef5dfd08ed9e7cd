//! What users have in their hands.

use fastrand::Rng;
use shared::sessions::rules::ClientInfo;

/// The user agents of computers, and of what is held in a hand.
const COMPUTERS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 \
     Edg/141.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
];
const PHONES: [&str; 3] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 \
     Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 \
     Mobile/15E148 Safari/604.1",
];

pub(super) fn computer(chance: &mut Rng) -> ClientInfo {
    // An address that is for examples.
    let address = format!("198.51.100.{}", chance.u8(1..255));
    device(address, COMPUTERS[chance.usize(..COMPUTERS.len())])
}

pub(super) fn phone(chance: &mut Rng) -> ClientInfo {
    let address = format!("2001:db8:{:x}::{:x}", chance.u16(1..), chance.u16(1..));
    device(address, PHONES[chance.usize(..PHONES.len())])
}

fn device(address: String, user_agent: &str) -> ClientInfo {
    ClientInfo { ip_address: Some(address), user_agent: Some(user_agent.to_owned()) }
}
