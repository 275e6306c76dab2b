//! Who speaks another protocol than HTTP: what happens to a request for a WebSocket.
//!
//! A further protocol is a further implementation of [`Upgrade`]; nothing else has to know of it.

use pyo3::prelude::*;

use super::connection::Protocol;
use super::{close, respond};
use crate::ffi::make;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// What takes over a connection whose client asks for a WebSocket (RFC 6455 section 4.2).
pub(super) trait Upgrade: Send + Sync {
    /// Whether this request is one to be taken over.
    fn is_wanted(&self, head: &http::Head) -> bool {
        asks_for_websocket(head)
    }

    /// Answers the request, or takes the connection over: whether it did that. `received` is the request's head and what
    /// came behind it.
    fn take_over(&self, protocol: This<'_, Protocol>, received: &[u8]) -> Result<bool, ErrorSet>;
}

/// Whether a request asks for a protocol that somebody may take over for. Any other wish is not heard, as it may be (RFC
/// 9110 section 7.8), and the request is answered as it is.
fn asks_for_websocket(head: &http::Head) -> bool {
    let names = head.upgrade().unwrap_or_default();
    names.split(|byte| *byte == b',').any(|name| name.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

/// The head of a request as it would be sent again: for whoever reads it anew.
pub(super) fn rebuild(head: &http::Head) -> Vec<u8> {
    let version: &[u8] =
        if head.version() == http::Version::Http10 { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" };
    let mut text = [head.method(), b" ", head.target(), version].concat();
    for (name, value) in head.fields().iter() {
        text.extend_from_slice(&[name, b": ", value, b"\r\n"].concat());
    }
    text.extend_from_slice(b"\r\n");
    text
}

/// Nobody: the request gets 501.
pub(super) struct NotImplemented;

impl Upgrade for NotImplemented {
    fn take_over(&self, protocol: This<'_, Protocol>, _received: &[u8]) -> Result<bool, ErrorSet> {
        respond::answer(protocol, 501, "this server does not speak WebSocket\n").map(|()| false)
    }
}

/// Nobody: the request is answered as if it had no such wish, as uvicorn has it.
pub(super) struct Ignored;

impl Upgrade for Ignored {
    fn is_wanted(&self, _head: &http::Head) -> bool {
        false
    }

    fn take_over(&self, protocol: This<'_, Protocol>, received: &[u8]) -> Result<bool, ErrorSet> {
        NotImplemented.take_over(protocol, received)
    }
}

/// `hooks.upgrade(protocol, transport, received, has_ended)`, which makes a protocol of its own for the transport, or says
/// by a false value that it has none. `has_ended`: the peer has ended its side behind what was received.
pub(super) struct HandOver;

impl Upgrade for HandOver {
    fn take_over(&self, protocol: This<'_, Protocol>, received: &[u8]) -> Result<bool, ErrorSet> {
        let py = protocol.py();
        let value = protocol.value();
        let Some(transport) = value.transport(py) else { return Ok(true) };
        if value.state.with(py, |state| std::mem::replace(&mut state.reads_paused, false)) {
            // Whoever takes over reads.
            transport.resume_reading(py)?;
        }
        let has_ended = value.state.with(py, |state| state.peer_ended);
        let hooks = value.http_server.get().hooks.bind(py);
        let object = transport.object().bind(py);
        let arguments = (protocol, object, make::bytes(py, received)?, has_ended);
        match hooks.call_method1(name!("upgrade"), arguments).and_then(|taken| taken.is_truthy()) {
            Ok(true) => close::forget(protocol).map(|()| true),
            Ok(false) => NotImplemented.take_over(protocol, received),
            Err(error) => {
                // The transport may have another protocol by now: `connection_lost` would not reach this one.
                let ended = transport.abort(py).and_then(|()| close::forget(protocol));
                ended.and(Err(error.into()))
            }
        }
    }
}
