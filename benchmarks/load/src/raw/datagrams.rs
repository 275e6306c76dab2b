//! The raw datagram echo: as many datagrams per call as are there.

use std::net::{Ipv4Addr, UdpSocket};

use super::parent::{STDIN_KEY, key_of, say_port, watch_stdin};
use crate::failure::{Doing, Failure};
use crate::sys::datagrams::Datagrams;
use crate::sys::epoll::Epoll;
use crate::sys::socket;
use reactor::Interest;

/// Serves until the parent has gone.
pub(super) fn serve(port: u16) -> Result<(), Failure> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).doing("binding --port")?;
    socket::widen_receive_buffer(&socket).doing("SO_RCVBUF")?;
    let mut epoll = Epoll::new().doing("epoll_create1")?;
    epoll.watch(&socket, key_of(&socket), Interest::READABLE).doing("epoll_ctl")?;
    watch_stdin(&mut epoll)?;
    say_port(socket.local_addr().doing("getsockname")?.port())?;
    let mut datagrams = Datagrams::new();
    loop {
        for number in 0..epoll.wait(None).doing("epoll_wait")? {
            if epoll.event(number).key == STDIN_KEY {
                return Ok(());
            }
            // A client that has left makes the next call fail; the others are still there.
            if datagrams.receive(&socket).is_ok() {
                datagrams.send_back(&socket).or_else(ignore_refusal)?;
            }
        }
    }
}

/// Ignores the refusal of a socket that is closed by now, which is reported to the next call.
fn ignore_refusal(error: std::io::Error) -> Result<(), Failure> {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::WouldBlock => Ok(()),
        _ => Err(error).doing("sendmmsg"),
    }
}
