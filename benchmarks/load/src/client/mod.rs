//! The clients: each keeps a server busy over many connections and measures how long its answers take.
//!
//! This file has the shared parts: the target and waiting. Each client defines its operation.

pub(crate) mod connect;
pub(crate) mod echo;
pub(crate) mod handshake;
pub(crate) mod http;
pub(crate) mod http2;
pub(crate) mod idle;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod udp;
pub(crate) mod visit;
pub(crate) mod websocket;

mod carrier;
mod exchange;
mod rated;
mod request;
mod requests;
mod response;
mod stream;
mod tls;

use std::net::{SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use crate::failure::{Doing, Failure};
use crate::options::Arguments;
use crate::sys::epoll::Epoll;
use crate::sys::{clock, limits};
use stream::Stream;
use tls::Tls;

/// The slowest answer here takes milliseconds; a server that has not answered for this long hangs.
const STALL_LIMIT: Duration = Duration::from_secs(5);

/// Takes `--connect`, which every client has, and allows enough descriptors.
fn target(arguments: &mut Arguments) -> Result<SocketAddrV4, Failure> {
    limits::raise_descriptors()?;
    arguments.required("--connect")
}

/// Returns established connections that do not block and do not delay small writes.
fn connections_to(target: SocketAddrV4, count: usize) -> Result<Vec<TcpStream>, Failure> {
    let connection = |_| {
        let stream = TcpStream::connect(target).doing("connecting")?;
        stream.set_nodelay(true).doing("TCP_NODELAY")?;
        stream.set_nonblocking(true).doing("FIONBIO")?;
        Ok(stream)
    };
    (0..count).map(connection).collect()
}

/// Returns such connections with their handshakes done, if there are settings for TLS.
fn streams_to(target: SocketAddrV4, count: usize, tls: Option<&Tls>) -> Result<Vec<Stream>, Failure> {
    let secured = |socket: TcpStream| {
        let mut stream = Stream::new(socket, tls)?;
        if stream.is_secure() {
            stream.socket().set_nonblocking(false).doing("FIONBIO")?;
            stream.shake_hands().doing("the handshake")?;
            stream.socket().set_nonblocking(true).doing("FIONBIO")?;
        }
        Ok(stream)
    };
    connections_to(target, count)?.into_iter().map(secured).collect()
}

/// An epoll set and how to wait for it.
struct Waiting {
    epoll: Epoll,
    /// Never sleep. Then no server spends time on waking the client, which a server on a network does not do, and which
    /// costs more than an echo on some virtual machines.
    spins: bool,
    /// CPU time of empty polls.
    spun: Duration,
}

impl Waiting {
    /// Takes `--spin`.
    fn from(arguments: &mut Arguments) -> Result<Self, Failure> {
        let epoll = Epoll::new().doing("epoll_create1")?;
        Ok(Self { epoll, spins: arguments.flag("--spin"), spun: Duration::ZERO })
    }

    /// Returns at least one event.
    #[inline]
    fn wait(&mut self) -> Result<usize, Failure> {
        // The first poll does not read the clock: mostly something is there.
        let limit = if self.spins { Duration::ZERO } else { STALL_LIMIT };
        let count = self.epoll.wait(Some(limit)).doing("epoll_wait")?;
        if count > 0 { Ok(count) } else { self.wait_on() }
    }

    /// Waits after an empty poll.
    fn wait_on(&mut self) -> Result<usize, Failure> {
        let begun = Instant::now();
        let spun_from = clock::thread_time()?;
        while self.spins && begun.elapsed() < STALL_LIMIT {
            let count = self.epoll.wait(Some(Duration::ZERO)).doing("epoll_wait")?;
            if count > 0 {
                self.spun += clock::thread_time()?.saturating_sub(spun_from);
                return Ok(count);
            }
        }
        Err(stalled())
    }

    /// Returns the CPU time of empty polls since the last call.
    fn take_spun(&mut self) -> Duration {
        std::mem::take(&mut self.spun)
    }
}

fn stalled() -> Failure {
    Failure::Silence(format!("the server has not answered for {} s", STALL_LIMIT.as_secs()))
}
