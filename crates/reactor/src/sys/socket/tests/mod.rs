//! The calls on real sockets: loopback, Unix sockets and pipes. The tests are here and not in the crate's `tests/`,
//! because reading what a call has filled in and binding to any address need `unsafe`.

mod addresses;
mod connections;
mod datagrams;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod files;
mod names;
mod pipes;
mod signals;
mod streams;

use std::env;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process;

use super::{SockAddr, retried};
use crate::sys::{checked, descriptor};
use crate::{Address, Interest, Poller, Timeout, Token, Trigger, socket};

/// A call that fills in room, such as `receive`.
type Fill = fn(RawFd, &mut [MaybeUninit<u8>]) -> io::Result<&mut [u8]>;

/// Returns what a call fills in, given room for this many bytes.
fn filled(fill: Fill, fd: &impl AsRawFd, room: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![MaybeUninit::uninit(); room];
    fill(fd.as_raw_fd(), &mut bytes).map(|filled| filled.to_vec())
}

/// Returns what is received, given room for this many bytes.
fn received(fd: &impl AsRawFd, room: usize) -> io::Result<Vec<u8>> {
    filled(socket::receive, fd, room)
}

/// Creates two connected Unix sockets that do not block.
fn unix_pair() -> (UnixStream, UnixStream) {
    let (here, there) = UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    there.set_nonblocking(true).unwrap();
    (here, there)
}

/// Creates a connection over loopback: the connecting and the accepted socket. Neither blocks.
fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    client.set_nonblocking(true).unwrap();
    server.set_nonblocking(true).unwrap();
    (client, server)
}

/// Creates a socket of this kind that is bound to this address.
fn bound(address: &Address, kind: libc::c_int) -> io::Result<OwnedFd> {
    let socket = unbound(address, kind)?;
    let name = SockAddr::of(address)?;
    // SAFETY: the name has the length that is passed, and outlives the call.
    checked(unsafe { libc::bind(socket.as_raw_fd(), name.as_ptr(), name.length()) })?;
    Ok(socket)
}

/// Creates a socket of this kind for the family of this address. It does not block and closes on exec.
fn unbound(address: &Address, kind: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointer.
    let fd = checked(unsafe { libc::socket(family_of(address), kind, 0) })?;
    // SAFETY: the kernel has just opened the descriptor, so it has no other owner.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    descriptor::set_nonblocking(&socket)?;
    // SAFETY: the command takes no pointer.
    checked(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    Ok(socket)
}

/// Returns the kernel's number of the family.
fn family_of(address: &Address) -> libc::c_int {
    match address {
        Address::V4 { .. } => libc::AF_INET,
        Address::V6 { .. } => libc::AF_INET6,
        Address::Unix(_) => libc::AF_UNIX,
        Address::Other { family } => *family,
    }
}

/// Returns the address that a kernel writes with this length and, if given, this family.
fn as_written(written: &SockAddr, family: Option<libc::sa_family_t>, length: libc::socklen_t) -> Address {
    let mut name = *written;
    let (room, _) = name.as_mut_ptrs();
    if let Some(family) = family {
        // SAFETY: the room begins with a `sockaddr`, whatever the family is.
        unsafe { (*room).sa_family = family };
    }
    name.set_length(length);
    name.address()
}

/// Starts to connect a socket.
fn connect(socket: &OwnedFd, to: &Address) -> io::Result<()> {
    let name = SockAddr::of(to)?;
    // SAFETY: the name has the length that is passed, and outlives the call.
    checked(unsafe { libc::connect(socket.as_raw_fd(), name.as_ptr(), name.length()) })?;
    Ok(())
}

/// Creates a listener at this address, with room for this many connections that are not accepted yet.
fn listening(address: &Address, backlog: libc::c_int) -> io::Result<OwnedFd> {
    let socket = bound(address, libc::SOCK_STREAM)?;
    // SAFETY: the call takes no pointer.
    checked(unsafe { libc::listen(socket.as_raw_fd(), backlog) })?;
    Ok(socket)
}

/// Waits until a descriptor is ready, and fails after a time longer than any test takes.
fn wait_for(fd: &impl AsRawFd, interest: Interest) {
    const LONG: Timeout = Timeout::After(std::time::Duration::from_secs(20));
    let mut poller = Poller::new().unwrap();
    poller.register(fd.as_raw_fd(), Token::new(0, 0), interest, Trigger::Level).unwrap();
    assert_eq!(poller.wait(LONG).unwrap(), 1, "it never became ready");
}

/// A path at which there is nothing, and that is removed after the test.
struct TemporaryPath(PathBuf);

impl TemporaryPath {
    fn new(name: &str) -> Self {
        Self(env::temp_dir().join(format!("vitok-{}-{name}", process::id())))
    }

    /// Returns a path with this many bytes in all.
    fn of_length(name: &str, length: usize) -> Self {
        let shortest = Self::new(name).0.as_os_str().len();
        Self::new(&format!("{name}{}", "x".repeat(length - shortest)))
    }

    fn address(&self) -> Address {
        Address::Unix(self.0.as_os_str().as_bytes().into())
    }
}

impl Drop for TemporaryPath {
    fn drop(&mut self) {
        // The test may have failed before it created the file.
        drop(fs::remove_file(&self.0));
    }
}

fn kind_of<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
    result.err().map(|error| error.kind())
}

fn number_of<T>(result: io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

#[test]
fn a_call_is_made_again_after_a_signal_and_after_nothing_else() {
    let outcomes = [libc::EINTR, libc::EINTR, libc::EAGAIN];
    let mut calls = 0;
    let result = retried(|| {
        set_errno(outcomes[calls]);
        calls += 1;
        -1
    });
    assert_eq!((kind_of(result), calls), (Some(io::ErrorKind::WouldBlock), 3));
    assert_eq!(retried(|| 0).unwrap(), 0);
}

fn set_errno(number: libc::c_int) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: the call takes no arguments.
    let place = unsafe { libc::__errno_location() };
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    // SAFETY: the call takes no arguments.
    let place = unsafe { libc::__error() };
    // SAFETY: the place is this thread's own.
    unsafe { place.write(number) };
}
