//! WebSocket (RFC 6455) on connections that stay open: echoes in a closed or an open loop, and broadcasts.
//!
//! Every answer is compared with its message. Messages and their frames are made once; with `--deflate` (RFC 7692) they
//! are compressed once, and answers are inflated. `opening.rs` has the handshake, `incoming.rs` reads frames.

mod broadcasts;
mod echoes;
mod incoming;
mod messages;
mod opening;
mod peer;

use std::net::SocketAddrV4;

use super::carrier::run_closed;
use super::request::path;
use super::stream::Stream;
use super::tls::Tls;
use super::{Waiting, connections_to, rated, target};
use crate::failure::{Doing, Failure};
use crate::options::Arguments;
use crate::window::Asked;
use broadcasts::Broadcasts;
use echoes::Echoes;
use messages::{Message, Shape, messages};
use opening::Agreed;
use peer::Peer;

pub(crate) fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let target = target(&mut arguments)?;
    let count = arguments.count("--connections", 1)?;
    let path = path(&mut arguments)?;
    let is_broadcast = arguments.flag("--broadcast");
    let rate = rated::rate(&mut arguments)?;
    let shape = Shape::from(&mut arguments)?;
    let tls = Tls::from(&mut arguments)?;
    let asked = Asked::from(&mut arguments)?;
    let waiting = Waiting::from(&mut arguments)?;
    arguments.finish()?;
    if is_broadcast && rate.is_some() {
        return Err(Failure::Usage("--rate has no place with --broadcast".into()));
    }
    let (peers, messages) = connect(target, count, tls.as_ref(), &path, shape)?;
    if is_broadcast {
        let mut broadcasts = Broadcasts::new(waiting, peers, messages)?;
        return asked.serve(count, |extent| run_closed(&mut broadcasts, extent));
    }
    let mut echoes = Echoes::new(waiting, peers, messages)?;
    asked.serve(count, |extent| match rate {
        None => run_closed(&mut echoes, extent),
        Some(per_second) => rated::run(&mut echoes, extent, per_second),
    })
}

/// Opens the connections, and makes the messages as they agreed. All agree alike, as it is one server.
fn connect(
    target: SocketAddrV4,
    count: usize,
    tls: Option<&Tls>,
    path: &str,
    shape: Shape,
) -> Result<(Vec<Peer>, Vec<Message>), Failure> {
    let mut peers = Vec::with_capacity(count);
    let mut agreed = None;
    for socket in connections_to(target, count)? {
        socket.set_nonblocking(false).doing("FIONBIO")?;
        let mut stream = Stream::new(socket, tls)?;
        stream.shake_hands().doing("the handshake")?;
        agreed = opening::open(&mut stream, target, path, shape.is_deflated)?;
        stream.socket().set_nonblocking(true).doing("FIONBIO")?;
        peers.push(Peer::new(stream, agreed));
    }
    Ok((peers, messages(shape, agreed)?))
}

/// The use of a connection before it is idle: the handshake, and some messages with their echoes.
pub(super) struct Greetings {
    path: String,
    /// `None` if nothing is sent.
    shape: Option<Shape>,
    is_deflated: bool,
    /// Made when the first connection has agreed on their form.
    messages: Vec<Message>,
}

impl Greetings {
    pub(super) fn new(path: String, bytes: usize, is_deflated: bool) -> Self {
        let shape = (bytes > 0).then_some(Shape { bytes, is_binary: false, is_deflated });
        Self { path, shape, is_deflated, messages: Vec::new() }
    }

    /// Opens a WebSocket on a connection that blocks, and sends the messages.
    pub(super) fn exchange(&mut self, stream: &mut Stream, target: SocketAddrV4) -> Result<(), Failure> {
        let agreed: Option<Agreed> = opening::open(stream, target, &self.path, self.is_deflated)?;
        let Some(shape) = self.shape else { return Ok(()) };
        if self.messages.is_empty() {
            self.messages = messages(shape, agreed)?;
            self.messages.truncate(GREETINGS);
        }
        peer::exchange(stream, agreed, &self.messages)
    }
}

/// The first message makes a server allocate whatever it needs for a connection; more show whether that is all.
const GREETINGS: usize = 4;
