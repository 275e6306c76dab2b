//! Connections on each family that the machine has, and the addresses of sockets.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use super::{TemporaryPath, connect, kind_of, listening, number_of, received, tcp_pair, unbound};
use crate::sys::checked;
use crate::{Address, Interest, socket};

/// The most connections of a test.
const BACKLOG: libc::c_int = 8;
const LOOPBACK: Address = Address::V4 { addr: Ipv4Addr::LOCALHOST, port: 0 };

/// Returns the flags of the open file and those of the descriptor.
fn flags_of(fd: RawFd) -> (libc::c_int, libc::c_int) {
    // SAFETY: the command takes no pointer.
    let file = checked(unsafe { libc::fcntl(fd, libc::F_GETFL) }).unwrap();
    // SAFETY: as above.
    (file, checked(unsafe { libc::fcntl(fd, libc::F_GETFD) }).unwrap())
}

fn is_quiet_and_private(fd: &OwnedFd) -> bool {
    let (file, number) = flags_of(fd.as_raw_fd());
    file & libc::O_NONBLOCK != 0 && number & libc::FD_CLOEXEC != 0
}

/// Connects as `sock_connect()` does: the result is read when the socket is writable.
fn connected(to: &Address) -> io::Result<OwnedFd> {
    let client = unbound(to, libc::SOCK_STREAM)?;
    match connect(&client, to) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {
            super::wait_for(&client, Interest::WRITABLE);
            match socket::pending_error(client.as_raw_fd())? {
                Some(error) => Err(error),
                None => Ok(client),
            }
        }
        result => result.map(|()| client),
    }
}

/// Requests a connection, and waits until it is made or has failed.
fn requested(to: &Address) -> io::Result<OwnedFd> {
    let (client, state) = socket::connect(to)?;
    match state {
        socket::Connect::Done(peer) => assert_eq!(peer, *to),
        socket::Connect::Pending => {
            super::wait_for(&client, Interest::WRITABLE);
            if let Some(error) = socket::pending_error(client.as_raw_fd())? {
                return Err(error);
            }
        }
    }
    Ok(client)
}

#[test]
fn a_requested_connection_is_made_or_refused() {
    let listener = listening(&LOOPBACK, BACKLOG).unwrap();
    let bound = socket::local_address(listener.as_raw_fd()).unwrap();
    let client = requested(&bound).unwrap();
    super::wait_for(&listener, Interest::READABLE);
    let (server, peer) = socket::accept(listener.as_raw_fd()).unwrap();
    assert!(is_quiet_and_private(&client));
    assert_eq!(peer, socket::local_address(client.as_raw_fd()).unwrap());
    drop((server, client, listener));
    assert_eq!(kind_of(requested(&bound)), Some(ErrorKind::ConnectionRefused));
    let other = Address::Other { family: libc::AF_APPLETALK };
    assert_eq!(kind_of(requested(&other)), Some(ErrorKind::InvalidInput));
}

/// Listens at an address, connects to it, and compares the addresses that both sides return.
fn connects(at: &Address) {
    let listener = listening(at, BACKLOG).unwrap();
    let bound = socket::local_address(listener.as_raw_fd()).unwrap();
    let client = connected(&bound).unwrap();
    super::wait_for(&listener, Interest::READABLE);
    let (server, peer) = socket::accept(listener.as_raw_fd()).unwrap();
    assert!(is_quiet_and_private(&client) && is_quiet_and_private(&server));
    assert_eq!(peer, socket::local_address(client.as_raw_fd()).unwrap());
    assert_eq!(peer, socket::peer_address(server.as_raw_fd()).unwrap());
    assert_eq!(bound, socket::peer_address(client.as_raw_fd()).unwrap());
    socket::send(client.as_raw_fd(), b"x").unwrap();
    super::wait_for(&server, Interest::READABLE);
    assert_eq!(received(&server, 2).unwrap(), b"x");
    assert_eq!(kind_of(socket::accept(listener.as_raw_fd())), Some(ErrorKind::WouldBlock));
}

#[test]
fn nothing_waits_for_a_listener_that_blocks() {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let fd = listener.as_raw_fd();
    assert_eq!(kind_of(socket::accept(fd)), Some(ErrorKind::Unsupported));
    assert_eq!(kind_of(socket::accept_when_ready(fd)), Some(ErrorKind::WouldBlock));
    let client = connected(&socket::local_address(fd).unwrap()).unwrap();
    super::wait_for(&listener, Interest::READABLE);
    let (server, peer) = socket::accept_when_ready(fd).unwrap();
    assert!(is_quiet_and_private(&server));
    assert_eq!(peer, socket::local_address(client.as_raw_fd()).unwrap());
    assert_eq!(kind_of(socket::accept_when_ready(fd)), Some(ErrorKind::WouldBlock));
}

#[test]
fn a_socket_lingers_where_it_was_told_to() {
    let (here, _there) = UnixStream::pair().unwrap();
    assert!(!socket::lingers(here.as_raw_fd()));
    let linger = libc::linger { l_onoff: 1, l_linger: 1 };
    let length = libc::socklen_t::try_from(size_of::<libc::linger>()).unwrap();
    let place = (&raw const linger).cast();
    // SAFETY: the option is as long as said, and outlives the call.
    let told =
        unsafe { libc::setsockopt(here.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, place, length) };
    checked(told).unwrap();
    assert!(socket::lingers(here.as_raw_fd()));
    assert!(!socket::lingers(-1));
}

#[test]
fn ipv4_connects() {
    connects(&LOOPBACK);
}

#[test]
fn ipv6_connects_where_there_is_any() {
    let at = Address::V6 { addr: Ipv6Addr::LOCALHOST, port: 0, flowinfo: 0, scope_id: 0 };
    match listening(&at, BACKLOG) {
        Ok(_) => connects(&at),
        Err(error) => {
            assert!(
                matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)),
                "{error}"
            );
        }
    }
}

#[test]
fn a_path_connects() {
    let path = TemporaryPath::new("connects");
    connects(&path.address());
}

#[test]
fn a_path_that_fills_all_the_room_connects() {
    let length = size_of::<libc::sockaddr_un>() - std::mem::offset_of!(libc::sockaddr_un, sun_path);
    let path = TemporaryPath::of_length("fills", length);
    connects(&path.address());
}

#[test]
#[cfg(any(target_os = "linux", target_os = "android"))]
fn an_abstract_name_with_nul_in_it_connects() {
    let name = format!("\0vitok-{}\0connects\0", std::process::id());
    connects(&Address::Unix(name.into_bytes().into()));
}

#[test]
fn a_socket_without_a_name_has_an_empty_one() {
    let (here, _there) = UnixStream::pair().unwrap();
    assert_eq!(socket::local_address(here.as_raw_fd()).unwrap(), Address::Unix(Box::default()));
    assert_eq!(socket::peer_address(here.as_raw_fd()).unwrap(), Address::Unix(Box::default()));
}

#[test]
fn a_refused_connection_is_a_pending_error_that_is_told_once() {
    // Bound and not listening, so that nothing else can listen there meanwhile.
    let nobody = super::bound(&LOOPBACK, libc::SOCK_STREAM).unwrap();
    let address = socket::local_address(nobody.as_raw_fd()).unwrap();
    let client = unbound(&address, libc::SOCK_STREAM).unwrap();
    let outcome = connect(&client, &address).unwrap_err();
    assert_eq!(outcome.raw_os_error(), Some(libc::EINPROGRESS));
    super::wait_for(&client, Interest::WRITABLE);
    let error = socket::pending_error(client.as_raw_fd()).unwrap().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(socket::pending_error(client.as_raw_fd()).unwrap().is_none());
}

#[test]
fn what_is_not_connected_has_no_peer() {
    let alone = unbound(&LOOPBACK, libc::SOCK_STREAM).unwrap();
    assert_eq!(kind_of(socket::peer_address(alone.as_raw_fd())), Some(ErrorKind::NotConnected));
    assert_eq!(kind_of(socket::shutdown_write(alone.as_raw_fd())), Some(ErrorKind::NotConnected));
}

#[test]
fn nodelay_is_for_tcp() {
    let (client, _server) = tcp_pair();
    assert!(!client.nodelay().unwrap());
    socket::set_nodelay(client.as_raw_fd()).unwrap();
    assert!(client.nodelay().unwrap());
    let (here, _there) = UnixStream::pair().unwrap();
    assert!(socket::set_nodelay(here.as_raw_fd()).is_err());
}

#[test]
fn closing_tells_the_peer() {
    let (here, there) = super::unix_pair();
    socket::close(here.into()).unwrap();
    assert_eq!(received(&there, 1).unwrap(), b"");
}

#[test]
fn asking_a_number_that_is_not_open_is_an_error() {
    assert_eq!(number_of(socket::accept(-1)), Some(libc::EBADF));
    assert_eq!(number_of(socket::pending_error(-1)), Some(libc::EBADF));
    assert_eq!(number_of(socket::local_address(-1)), Some(libc::EBADF));
    assert_eq!(number_of(socket::peer_address(-1)), Some(libc::EBADF));
    let (reader, _writer) = io::pipe().unwrap();
    assert_eq!(number_of(socket::local_address(reader.into_raw_fd())), Some(libc::ENOTSOCK));
}
