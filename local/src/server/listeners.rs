//! Where the server listens: at both addresses that `localhost` may stand for. A browser or a runtime that tries `::1` first
//! would find nobody there, or worse, another program. Or at one address that was named, of a container say.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use anyhow::{Context, Result};
use tokio::net::TcpListener;

/// Ports that are tried where any will do.
const TRIES: usize = 100;

/// Listens at the same port of 127.0.0.1 and `::1`; on a machine without IPv6 at the former alone. 0 picks a port that both
/// have free. Returns the port too. With an address, at that one alone.
pub(super) async fn listen(port: u16, address: Option<IpAddr>) -> Result<(u16, Vec<TcpListener>)> {
    let listening = match address {
        Some(address) => one((address, port).into()).await,
        None => both(port, TcpListener::bind).await,
    };
    listening.with_context(|| format!("listening on port {port}"))
}

async fn one(address: SocketAddr) -> io::Result<(u16, Vec<TcpListener>)> {
    let listener = TcpListener::bind(address).await?;
    Ok((listener.local_addr()?.port(), vec![listener]))
}

async fn both(
    port: u16,
    bind: impl AsyncFn(SocketAddr) -> io::Result<TcpListener>,
) -> io::Result<(u16, Vec<TcpListener>)> {
    let mut tries = if port == 0 { TRIES } else { 1 };
    loop {
        tries -= 1;
        let first = bind((Ipv4Addr::LOCALHOST, port).into()).await?;
        let picked = first.local_addr()?.port();
        match bind((Ipv6Addr::LOCALHOST, picked).into()).await {
            Ok(second) => return Ok((picked, vec![first, second])),
            Err(cause) if is_taken(&cause) && tries > 0 => {}
            Err(cause) if is_taken(&cause) => return Err(cause),
            Err(cause) => {
                tracing::debug!(%cause, "this machine has no ::1");
                return Ok((picked, vec![first]));
            }
        }
    }
}

/// Somebody else has the port. On Windows a port that is another's alone is denied.
fn is_taken(cause: &io::Error) -> bool {
    matches!(cause.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Listens on a machine on which `::1` fails so often in this way. IPv4 stands in for it when it does not.
    async fn on_a_machine(port: u16, failure: ErrorKind, times: usize) -> io::Result<(u16, usize)> {
        let left = Cell::new(times);
        let bind = async |address: SocketAddr| {
            if address.is_ipv4() {
                return TcpListener::bind(address).await;
            }
            if left.get() == 0 {
                return TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            }
            left.set(left.get() - 1);
            Err(failure.into())
        };
        both(port, bind).await.map(|(port, listeners)| (port, listeners.len()))
    }

    #[tokio::test]
    async fn any_port_is_one_that_both_addresses_have_free() {
        let (port, listeners) = on_a_machine(0, ErrorKind::AddrInUse, 3).await.unwrap();
        assert!(port > 0);
        assert_eq!(listeners, 2);
        on_a_machine(0, ErrorKind::AddrInUse, TRIES).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_named_port_that_one_address_has_taken_is_an_error() {
        let (free, _) = on_a_machine(0, ErrorKind::AddrInUse, 0).await.unwrap();
        let cause = on_a_machine(free, ErrorKind::AddrInUse, 1).await.unwrap_err();
        assert_eq!(cause.kind(), ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn an_address_that_is_named_is_the_only_one() {
        let named = IpAddr::from(Ipv4Addr::LOCALHOST);
        let (port, listeners) = listen(0, Some(named)).await.unwrap();
        let [listener] = listeners.as_slice() else { panic!("{listeners:?}") };
        assert_eq!(listener.local_addr().unwrap(), SocketAddr::from((named, port)));
    }

    #[tokio::test]
    async fn a_machine_without_ipv6_does_without() {
        let (_, listeners) = on_a_machine(0, ErrorKind::AddrNotAvailable, 1).await.unwrap();
        assert_eq!(listeners, 1);
    }
}
