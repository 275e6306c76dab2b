//! Opens connections and holds them until stdin ends, so that the server's memory for them can be measured.
//!
//! Each can be used before it is idle, by an echo, by a request of HTTP/1.1 or HTTP/2, or as a WebSocket. A line on stdin is answered by the number of
//! connections that are still open: a server that has closed some has less to hold.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Instant;

use super::http2;
use super::request::{Body, Request};
use super::response::Responses;
use super::stream::Stream;
use super::tls::Tls;
use super::websocket::Greetings;
use super::{STALL_LIMIT, target};
use crate::answer;
use crate::failure::{Doing, Failure};
use crate::options::Arguments;
use crate::sys::socket;

/// One address has 28 thousand ports for connections to one target; a tenth of that leaves room for others.
const CONNECTIONS_PER_ADDRESS: usize = 2_500;
/// All addresses of 127.0.0.x, which is more than the descriptors that a process may open.
const ADDRESSES: usize = 250;
/// More than the response to a request here.
const BUFFER_BYTES: usize = 64 * 1024;

pub(crate) fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let target = target(&mut arguments)?;
    let count = arguments.count("--connections", 1)?;
    let greeting: Option<usize> = arguments.value("--greet")?;
    let path: Option<String> = arguments.value("--path")?;
    let is_websocket = arguments.flag("--websocket");
    let is_deflated = is_websocket && arguments.flag("--deflate");
    let is_http2 = arguments.flag("--http2");
    let tls = Tls::from(&mut arguments)?;
    let tls = if is_http2 { tls.map(|tls| tls.offering(http2::ALPN)) } else { tls };
    arguments.finish()?;
    if count > CONNECTIONS_PER_ADDRESS * ADDRESSES {
        return Err(Failure::Usage(format!("--connections {count}: more than there are addresses for")));
    }
    let mut first = match (greeting, path) {
        (None, path) if is_http2 => First::Http2(path.unwrap_or_else(|| "/".to_owned())),
        (greeting, path) if is_websocket => {
            let path = path.unwrap_or_else(|| "/".to_owned());
            First::WebSocket(Greetings::new(path, greeting.unwrap_or(0), is_deflated))
        }
        (Some(_), Some(_)) => {
            return Err(Failure::Usage("--greet and --path are two ways of using it".into()));
        }
        (None, Some(path)) => {
            First::Request(Request { path: &path, target, body: &Body::default(), is_last: false }.to_bytes())
        }
        (greeting, None) => First::Greeting(vec![b'g'; greeting.unwrap_or(0)]),
    };
    let opened = |number| open(number, target, tls.as_ref(), &mut first);
    let mut held = (0..count).map(opened).collect::<Result<Vec<_>, _>>()?;
    answer::line(&format!("{{\"connections\": {}}}", held.len()))?;
    for line in io::stdin().lines() {
        line.doing("reading stdin")?;
        answer::line(&format!("{{\"open\": {}}}", count_open(&mut held, is_http2)?))?;
    }
    Ok(())
}

/// The use of a connection before it is idle.
enum First {
    /// Sent, and echoed; nothing is sent if it is empty.
    Greeting(Vec<u8>),
    /// Sent, and answered by HTTP/1.1.
    Request(Vec<u8>),
    /// The path of a request, sent and answered by HTTP/2.
    Http2(String),
    /// A handshake, and messages that are echoed.
    WebSocket(Greetings),
}

/// Opens a connection and uses it once.
fn open(
    number: usize,
    target: SocketAddrV4,
    tls: Option<&Tls>,
    first: &mut First,
) -> Result<Stream, Failure> {
    let last_octet = u8::try_from(1 + number / CONNECTIONS_PER_ADDRESS).unwrap_or(u8::MAX);
    let source = Ipv4Addr::new(127, 0, 0, last_octet);
    let socket = socket::connect_from(source, target).doing("connecting")?;
    socket.set_read_timeout(Some(STALL_LIMIT)).doing("SO_RCVTIMEO")?;
    let mut stream = Stream::new(socket, tls)?;
    stream
        .shake_hands()
        .map_err(|error| Failure::Peer(format!("the handshake of connection {number}: {error}")))?;
    match first {
        First::Http2(path) => {
            let request = Request { path, target, body: &Body::default(), is_last: false };
            return http2::ask(stream, request);
        }
        First::WebSocket(greetings) => greetings.exchange(&mut stream, target)?,
        First::Greeting(greeting) if greeting.is_empty() => {}
        First::Greeting(greeting) => greet(&mut stream, greeting).map_err(|error| {
            Failure::Peer(format!("the server did not echo the greeting of connection {number}: {error}"))
        })?,
        First::Request(request) => ask(&mut stream, request)
            .map_err(|why| Failure::Peer(format!("the request of connection {number}: {why}")))?,
    }
    Ok(stream)
}

fn greet(stream: &mut Stream, greeting: &[u8]) -> io::Result<()> {
    stream.write_all(greeting)?;
    let (mut buffer, mut missing) = (vec![0; BUFFER_BYTES.max(greeting.len())], greeting.len());
    while missing > 0 {
        match receive(stream, &mut buffer)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count if count > missing => return Err(io::Error::other("it sent more")),
            count => missing -= count,
        }
    }
    Ok(())
}

/// Receives at least one byte. A read of a connection over TLS may be without one, when the session gets a ticket.
fn receive(stream: &mut Stream, buffer: &mut [u8]) -> io::Result<usize> {
    let begun = Instant::now();
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && begun.elapsed() < STALL_LIMIT => {}
            result => return result,
        }
    }
}

fn ask(stream: &mut Stream, request: &[u8]) -> Result<(), String> {
    stream.write_all(request).map_err(|error| error.to_string())?;
    let (mut responses, mut buffer) = (Responses::default(), [0; BUFFER_BYTES]);
    loop {
        let count = receive(stream, &mut buffer).map_err(|error| error.to_string())?;
        if count == 0 {
            return Err("the server closed it".into());
        }
        let found = responses.take(&buffer[..count])?;
        match (found.ended, found.refused, found.is_last) {
            (0, ..) => {}
            (1, 0, false) => return Ok(()),
            (_, 0, true) => return Err("the server does not keep connections open".into()),
            _ => return Err("the server refused it, or answered it twice".into()),
        }
    }
}

/// Returns how many have neither ended nor received anything more. Over TLS they may have, tickets, and by HTTP/2
/// frames that are no answer.
fn count_open(held: &mut [Stream], is_http2: bool) -> Result<usize, Failure> {
    let (mut open, mut buffer) = (0, vec![0; BUFFER_BYTES]);
    for stream in held {
        stream.socket().set_nonblocking(true).doing("FIONBIO")?;
        if is_http2 {
            while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
        }
        let is_open = match stream.socket().peek(&mut [0]) {
            Ok(count) => count > 0 && stream.is_secure(),
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        open += usize::from(is_open);
    }
    Ok(open)
}
