//! The opening handshake (RFC 6455 section 4.1), with the offer of permessage-deflate that browsers make.
//!
//! Its key is the sample of section 1.3, so the answer is known without SHA-1. Frames are not known here.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddrV4;

use super::super::STALL_LIMIT;
use super::super::stream::Stream;
use crate::failure::{Doing, Failure};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// The offer of Chromium and Firefox.
const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
/// More than any server answers.
const HEAD_BYTES: usize = 4096;
const END: &[u8; 4] = b"\r\n\r\n";
const WIDEST_WINDOW: u8 = 15;

/// The agreement on permessage-deflate (RFC 7692 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    /// Whether a message of the server may refer to those before it.
    pub(super) takes_over: bool,
    /// The window in which a client compresses.
    pub(super) window_bits: u8,
}

/// Opens a WebSocket on a connection that blocks. Without permessage-deflate, although it was offered, the server lacks
/// a feature.
pub(super) fn open(
    stream: &mut Stream,
    target: SocketAddrV4,
    path: &str,
    is_deflated: bool,
) -> Result<Option<Agreed>, Failure> {
    stream.socket().set_read_timeout(Some(STALL_LIMIT)).doing("SO_RCVTIMEO")?;
    let offer = if is_deflated { OFFER } else { "" };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {target}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
    );
    stream.write_all(request.as_bytes()).doing("sending a handshake")?;
    let head = head(stream)?;
    let agreed = read(&head.text)?;
    if head.is_more {
        return Err(Failure::Peer("the server sent something before it was sent a message".into()));
    }
    match (is_deflated, agreed) {
        (true, None) => Err(Failure::Lacking("the server did not accept permessage-deflate".into())),
        (false, Some(_)) => {
            Err(Failure::Peer("the server accepted an extension that was not offered".into()))
        }
        _ => Ok(agreed),
    }
}

/// The head of a response, and whether anything came behind it.
struct Head {
    text: String,
    is_more: bool,
}

fn head(stream: &mut Stream) -> Result<Head, Failure> {
    let (mut received, mut buffer) = (Vec::new(), [0; HEAD_BYTES]);
    loop {
        if let Some(end) = received.windows(END.len()).position(|bytes| bytes == END) {
            let is_more = received.len() > end + END.len();
            let text = String::from_utf8_lossy(&received[..end]).into_owned();
            return Ok(Head { text, is_more });
        }
        match stream.read(&mut buffer) {
            Ok(0) => return Err(Failure::Peer("the server closed a connection during the handshake".into())),
            Ok(count) if received.len() + count <= HEAD_BYTES => {
                received.extend_from_slice(&buffer[..count]);
            }
            Ok(_) => return Err(Failure::Peer("the answer to the handshake does not end".into())),
            // A read over TLS may be without a byte.
            Err(error) if error.kind() == ErrorKind::WouldBlock && stream.is_secure() => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(Failure::Silence("the server did not answer the handshake".into()));
            }
            Err(error) => return Err(Failure::Peer(format!("the handshake: {error}"))),
        }
    }
}

fn read(head: &str) -> Result<Option<Agreed>, Failure> {
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 101") {
        return Err(Failure::Peer(format!("the handshake was answered by {status:?}")));
    }
    let fields: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    let value = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
    if value("sec-websocket-accept") != Some(ACCEPT) {
        return Err(Failure::Peer("the handshake was answered by another accept than its key's".into()));
    }
    value("sec-websocket-extensions").map(agreement).transpose()
}

fn agreement(text: &str) -> Result<Agreed, Failure> {
    let mut words = text.split(';').map(str::trim);
    let refused = || Failure::Peer(format!("the server accepted {text:?}, which was not offered"));
    if words.next() != Some("permessage-deflate") {
        return Err(refused());
    }
    let mut agreed = Agreed { takes_over: true, window_bits: WIDEST_WINDOW };
    for word in words {
        let (name, value) = word.split_once('=').map_or((word, ""), |(name, value)| (name, value.trim()));
        match name.trim() {
            "server_no_context_takeover" => agreed.takes_over = false,
            "client_max_window_bits" => {
                agreed.window_bits = value.trim_matches('"').parse().map_err(|_| refused())?;
            }
            // No message of the client refers to another, and the window of the inflater is the widest.
            "client_no_context_takeover" | "server_max_window_bits" => {}
            _ => return Err(refused()),
        }
    }
    Ok(agreed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(fields: &str) -> String {
        format!("HTTP/1.1 101 Switching Protocols\r\nSEC-WebSocket-Accept: {ACCEPT}\r\n{fields}\r\n")
    }

    #[test]
    fn an_answer_agrees_on_parameters_or_on_nothing() {
        assert_eq!(read(&answer("")).unwrap(), None);
        let fields = "Sec-Websocket-Extensions: permessage-deflate; server_no_context_takeover; \
                      client_max_window_bits=12\r\n";
        let agreed = Agreed { takes_over: false, window_bits: 12 };
        assert_eq!(read(&answer(fields)).unwrap(), Some(agreed));
        let agreed = Agreed { takes_over: true, window_bits: 15 };
        assert_eq!(agreement("permessage-deflate").unwrap(), agreed);
    }

    #[test]
    fn another_answer_is_the_peers_fault() {
        for (head, said) in [
            ("HTTP/1.1 403 Forbidden\r\n\r\n", "403 Forbidden"),
            ("HTTP/1.1 101 Go on\r\nSec-WebSocket-Accept: x\r\n\r\n", "another accept"),
        ] {
            let failure = read(head).unwrap_err();
            assert!(matches!(&failure, Failure::Peer(text) if text.contains(said)), "{failure}");
        }
        agreement("permessage-bzip2").unwrap_err();
        agreement("permessage-deflate; client_max_window_bits=x").unwrap_err();
    }
}
