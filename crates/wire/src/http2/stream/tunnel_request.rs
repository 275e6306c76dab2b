//! What is done with a request for a tunnel: a WebSocket (RFC 8441), or what is not spoken here.
//!
//! Streams and their responses are not known here.

use ::websocket::{Handshake, HandshakeError};
use h2::SendStream;
use h2::ext::Protocol;

use crate::http2::piece::Piece;
use crate::read_buffer::ReadBuffer;
use crate::reply::{NO_PROXY, Reply};
use crate::settings::{Context, Upgrades};

/// The answer to a `:protocol` that is not spoken here (RFC 9220 section 3 says so of all versions of HTTP).
const NOT_SPOKEN: Reply<'_> =
    Reply { status: 501, text: "this server does not speak this protocol\n", end: "", fields: &[] };
/// What a client is told that speaks another version (RFC 6455 section 4.4). HTTP/2 has no upgrade, and so no 426.
const OTHER_VERSION: &[(&[u8], &[u8])] = &[(b"sec-websocket-version", b"13")];

/// A request for a tunnel.
pub(super) enum TunnelRequest<B: AsRef<[u8]>> {
    /// A WebSocket, which the application may accept.
    WebSocket(WaitingHandshake<B>),
    /// No application gets it.
    Refused(Reply<'static>),
}

/// A handshake that waits for an answer.
pub(super) struct WaitingHandshake<B: AsRef<[u8]>> {
    pub(super) handshake: Box<Handshake>,
    /// What has arrived behind it. As much as the window allows may.
    pub(super) input: ReadBuffer,
    pub(super) has_ended: bool,
    /// What sends to the client, once the handshake was accepted.
    pub(super) accepted: Option<SendStream<Piece<B>>>,
}

impl<B: AsRef<[u8]>> WaitingHandshake<B> {
    /// Returns whether the client has ended its side without a message.
    pub(super) fn is_left(&self) -> bool {
        self.has_ended && self.input.is_empty()
    }
}

/// Returns what is done with a request, if it is one for a tunnel.
pub(super) fn tunnel_request<B: AsRef<[u8]>>(
    head: &http::Head,
    protocol: Option<&Protocol>,
    is_whole: bool,
    context: Context<'_>,
) -> Option<Box<TunnelRequest<B>>> {
    if head.target_form() == http::TargetForm::Authority {
        return Some(Box::new(TunnelRequest::Refused(NO_PROXY)));
    }
    let protocol = protocol?;
    let is_spoken = context.settings.upgrades == Upgrades::WebSocket && protocol.as_str() == "websocket";
    if !is_spoken {
        return Some(Box::new(TunnelRequest::Refused(NOT_SPOKEN)));
    }
    let deflate = context.settings.websocket.deflate.as_ref();
    Some(Box::new(match Handshake::over_stream(head.fields().iter(), deflate) {
        Ok(handshake) => TunnelRequest::WebSocket(WaitingHandshake {
            handshake: Box::new(handshake),
            input: ReadBuffer::new(),
            has_ended: is_whole,
            accepted: None,
        }),
        Err(error) => {
            let fields = if error == HandshakeError::Version { OTHER_VERSION } else { &[] };
            TunnelRequest::Refused(Reply { status: 400, text: error.because(), end: "\n", fields })
        }
    }))
}
