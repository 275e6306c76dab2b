//! HTTP/2 requests (RFC 9113) on connections that stay open, each with `--streams` of them under way.
//!
//! In clear text the connection begins with the preface, and over TLS it is chosen by ALPN. The server's settings are
//! awaited before the first request. The carrier is that of HTTP/1.1, `requests.rs`. A client of its own costs less than
//! a library that checks everything: here only the ends of responses and their statuses are read.

mod conversation;
mod fields;
mod streams;

use std::io::{ErrorKind, Read, Write};
use std::time::Instant;

use super::request::{Body, Request, path};
use super::requests::{Conversation, Requests};
use super::stream::Stream;
use super::tls::Tls;
use super::{STALL_LIMIT, Waiting, rated, stalled, streams_to, target};
use crate::failure::{Doing, Failure};
use crate::options::Arguments;
use crate::window::Asked;
use conversation::{Http2, Plan};

/// The name of the protocol in ALPN.
pub(super) const ALPN: &[u8] = b"h2";
/// More than a record, as a stream needs it.
const BUFFER_BYTES: usize = 64 * 1024;

pub(crate) fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let target = target(&mut arguments)?;
    let count = arguments.count("--connections", 1)?;
    let streams = arguments.count("--streams", 1)?;
    let path = path(&mut arguments)?;
    let body = Body::from(&mut arguments)?;
    let rate = rated::rate(&mut arguments)?;
    let tls = Tls::from(&mut arguments)?.map(|tls| tls.offering(ALPN));
    let asked = Asked::from(&mut arguments)?;
    let waiting = Waiting::from(&mut arguments)?;
    arguments.finish()?;
    let request = Request { path: &path, target, body: &body, is_last: false };
    let plan = Plan { request, is_secure: tls.is_some(), streams };
    let connections = streams_to(target, count, tls.as_ref())?
        .into_iter()
        .map(|stream| begin(stream, &plan))
        .collect::<Result<Vec<_>, _>>()?;
    Requests::new(waiting, connections.into_iter())?.run(&asked, rate)
}

/// Sends a request on a new connection and waits for its response, for `idle`.
pub(super) fn ask(stream: Stream, request: Request<'_>) -> Result<Stream, Failure> {
    let plan = Plan { request, is_secure: stream.is_secure(), streams: 1 };
    let (mut stream, mut http2) = begin(stream, &plan)?;
    let mut unsent = Vec::new();
    http2.begin(Instant::now(), &mut unsent)?;
    block(&stream, true)?;
    stream.write_all(&unsent).map_err(|error| lost(&error))?;
    exchange(&mut stream, &mut http2, |http2| Ok(http2.under_way() == 0))?;
    block(&stream, false)?;
    Ok(stream)
}

/// Sends the preface and waits for the server's settings.
fn begin(mut stream: Stream, plan: &Plan<'_>) -> Result<(Stream, Http2), Failure> {
    if stream.protocol().is_some_and(|chosen| chosen != Some(ALPN)) {
        return Err(Failure::Lacking("the server does not choose h2 in TLS".into()));
    }
    let mut http2 = Http2::new(plan);
    // The preface, the acknowledgement of settings and a request are three small writes.
    stream.socket().set_nodelay(true).doing("TCP_NODELAY")?;
    block(&stream, true)?;
    stream.write_all(&Http2::greeting()).map_err(|error| lost(&error))?;
    exchange(&mut stream, &mut http2, |http2| http2.accept_settings(plan))?;
    block(&stream, false)?;
    Ok((stream, http2))
}

fn block(stream: &Stream, blocks: bool) -> Result<(), Failure> {
    stream.socket().set_nonblocking(!blocks).doing("FIONBIO")?;
    stream.socket().set_read_timeout(blocks.then_some(STALL_LIMIT)).doing("SO_RCVTIMEO")
}

/// Receives until something has happened.
fn exchange(
    stream: &mut Stream,
    http2: &mut Http2,
    mut has_happened: impl FnMut(&mut Http2) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let (mut buffer, mut unsent, mut ended) = (vec![0; BUFFER_BYTES], Vec::new(), Vec::new());
    let begun = Instant::now();
    while !has_happened(http2)? {
        match stream.read(&mut buffer) {
            Ok(0) => return Err(Failure::Peer("the server closed the connection".into())),
            Ok(count) => http2.take(&buffer[..count], &mut unsent, &mut ended)?,
            // Over TLS a read may be without a byte, when the session gets a ticket.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(lost(&error)),
        }
        if begun.elapsed() > STALL_LIMIT {
            return Err(stalled());
        }
        stream.write_all(&unsent).map_err(|error| lost(&error))?;
        unsent.clear();
    }
    Ok(())
}

fn lost(error: &std::io::Error) -> Failure {
    Failure::Peer(format!("the connection broke: {error}"))
}
