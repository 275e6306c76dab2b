//! Requests for another protocol than HTTP, such as a WebSocket.
//!
//! A further protocol is a further implementation of [`Upgrade`], without other changes.

use pyo3::prelude::*;

use super::connection::Protocol;
use super::{close, respond};
use crate::ffi::make;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// The receiver of a connection whose client asks for a WebSocket (RFC 6455 section 4.2).
pub(super) trait Upgrade: Send + Sync {
    /// Returns whether this request is to be taken over.
    fn is_wanted(&self, head: &http::Head) -> bool {
        asks_for_websocket(head)
    }

    /// Answers the request, or takes the connection over, which it returns. `received` is the request's head and the
    /// bytes after it.
    fn take_over(&self, protocol: This<'_, Protocol>, received: &[u8]) -> Result<bool, ErrorSet>;
}

/// Returns whether a request asks for a protocol that can be taken over. Any other request for a protocol is ignored,
/// which is allowed (RFC 9110 section 7.8), and answered as it is.
fn asks_for_websocket(head: &http::Head) -> bool {
    let names = head.upgrade().unwrap_or_default();
    names.split(|byte| *byte == b',').any(|name| name.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

/// Returns the head of a request as it would be sent again, for another parser.
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

/// Refuses the request with 501.
pub(super) struct NotImplemented;

impl Upgrade for NotImplemented {
    fn take_over(&self, protocol: This<'_, Protocol>, _received: &[u8]) -> Result<bool, ErrorSet> {
        respond::answer(protocol, 501, "this server does not speak WebSocket\n").map(|()| false)
    }
}

/// Answers the request as if it did not ask for that, as uvicorn does.
pub(super) struct Ignored;

impl Upgrade for Ignored {
    fn is_wanted(&self, _head: &http::Head) -> bool {
        false
    }

    fn take_over(&self, protocol: This<'_, Protocol>, received: &[u8]) -> Result<bool, ErrorSet> {
        NotImplemented.take_over(protocol, received)
    }
}

/// Calls `hooks.upgrade(protocol, transport, received, has_ended)`, which creates a protocol of its own for the
/// transport, or returns a false value. `has_ended` means that the peer has ended its side after the received bytes.
pub(super) struct HandOver;

impl Upgrade for HandOver {
    fn take_over(&self, protocol: This<'_, Protocol>, received: &[u8]) -> Result<bool, ErrorSet> {
        let py = protocol.py();
        let value = protocol.value();
        let Some(transport) = value.transport(py) else { return Ok(true) };
        if value.state.with(py, |state| std::mem::replace(&mut state.reads_paused, false)) {
            // The new protocol reads.
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
                // The transport may have another protocol by now, so this one would not get `connection_lost`.
                let ended = transport.abort(py).and_then(|()| close::forget(protocol));
                ended.and(Err(error.into()))
            }
        }
    }
}
