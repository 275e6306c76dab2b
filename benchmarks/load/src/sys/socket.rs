//! Calls on TCP sockets that the standard library lacks: connecting without waiting, accepting non-blocking sockets,
//! reading to discard.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

use super::{checked, counted, length_of};

/// As many as the kernel's usual limit (`net.core.somaxconn`) allows; ten thousand connections arrive at once.
const BACKLOG: libc::c_int = 4096;

/// Creates a non-blocking listener on the loopback address.
pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    // SAFETY: the call takes no pointer. Listening again only changes the length of the queue.
    checked(unsafe { libc::listen(listener.as_raw_fd(), BACKLOG) })?;
    Ok(listener)
}

/// Accepts the next connection, non-blocking, in one call; `WouldBlock` if there is none.
#[inline]
pub(crate) fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: the address may be left out, and then its length is not looked at.
    let fd = unsafe { libc::accept4(listener.as_raw_fd(), ptr::null_mut(), ptr::null_mut(), flags) };
    owned(fd).map(TcpStream::from)
}

/// Returns a non-blocking socket that has started to connect.
pub(crate) fn begin_connect(to: SocketAddrV4) -> io::Result<TcpStream> {
    let socket = stream_socket(libc::SOCK_NONBLOCK)?;
    match connect(&socket, to) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(TcpStream::from(socket)),
    }
}

/// Connects from a given source address; the socket blocks, now and later.
pub(crate) fn connect_from(from: Ipv4Addr, to: SocketAddrV4) -> io::Result<TcpStream> {
    let socket = stream_socket(0)?;
    // The port is chosen when the target is known: then only the pair of both has to be new.
    set_option(&socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, &1_i32)?;
    let source = name_of(SocketAddrV4::new(from, 0));
    let length = length_of::<libc::sockaddr_in>();
    // SAFETY: the name is of the length that is given and outlives the call.
    checked(unsafe { libc::bind(socket.as_raw_fd(), (&raw const source).cast(), length) })?;
    connect(&socket, to)?;
    Ok(TcpStream::from(socket))
}

/// Makes closing send a reset, which leaves no connection waiting in the kernel on either side.
pub(crate) fn reset_when_closed(stream: &TcpStream) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    set_option(stream, libc::SOL_SOCKET, libc::SO_LINGER, &linger)
}

/// Provides as much room for received data as the system allows.
pub(crate) fn widen_receive_buffer(socket: &impl AsFd) -> io::Result<()> {
    // The kernel takes the smaller of this and `net.core.rmem_max`, and doubles it for its own use.
    set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, &(1_i32 << 20))
}

/// Removes up to this many bytes from the stream without copying them; 0 at its end.
#[inline]
pub(crate) fn discard(stream: &TcpStream, bytes: usize) -> io::Result<usize> {
    // SAFETY: on TCP, MSG_TRUNC discards instead of writing, so the null buffer is not touched.
    counted(unsafe { libc::recv(stream.as_raw_fd(), ptr::null_mut(), bytes, libc::MSG_TRUNC) })
}

fn stream_socket(flags: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointer.
    owned(unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC | flags, 0) })
}

fn connect(socket: &OwnedFd, to: SocketAddrV4) -> io::Result<()> {
    let target = name_of(to);
    let length = length_of::<libc::sockaddr_in>();
    // SAFETY: the name is of the length that is given and outlives the call.
    checked(unsafe { libc::connect(socket.as_raw_fd(), (&raw const target).cast(), length) })?;
    Ok(())
}

fn set_option<T>(socket: &impl AsFd, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the value is of the length that is given and outlives the call.
    checked(unsafe { libc::setsockopt(fd, level, name, ptr::from_ref(value).cast(), length_of::<T>()) })?;
    Ok(())
}

/// Returns the descriptor that a call has just opened, or its error.
#[inline]
fn owned(result: libc::c_int) -> io::Result<OwnedFd> {
    let fd = checked(result)?;
    // SAFETY: the kernel has just opened it, so it has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn name_of(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::sa_family_t::try_from(libc::AF_INET).unwrap_or_default(),
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
        sin_zero: [0; 8],
    }
}
