//! How transports over sockets are written, and the part of it that all transports have.

use reactor::Interest;

use super::life::{Inner, Parts, Transport};
use crate::ffi::method::Argument;
use crate::ffi::this::value_of;
use crate::loop_state::Modes;

/// `<SocketTransport fd=7 read=polling write=<idle, bufsize=0>>`, as asyncio writes it.
pub(crate) fn repr<T: Transport>(transport: Argument<'_>, name: &str) -> String {
    let this = value_of::<T>(transport);
    let has_open_loop = !this.owner().get().modes.any(Modes::CLOSED);
    this.inner().with(transport.py(), |inner| {
        let parts = inner.parts();
        let mut text = format!("<{name}{} fd={}", stage(&parts), parts.number);
        if has_open_loop && !parts.is_closed {
            let (reads, writes) = (polling(&parts, Interest::READABLE), polling(&parts, Interest::WRITABLE));
            text += &format!(" read={reads} write=<{writes}, bufsize={}>", parts.waiting);
        }
        text + ">"
    })
}

/// Whether a transport is at its end, as a word behind its name.
pub(crate) fn stage(parts: &Parts<'_>) -> &'static str {
    match (parts.is_closed, parts.is_closing) {
        (true, _) => " closed",
        (false, true) => " closing",
        (false, false) => "",
    }
}

/// Whether the kernel is asked for something.
pub(crate) fn polling(parts: &Parts<'_>, interest: Interest) -> &'static str {
    if parts.watched.contains(interest) { "polling" } else { "idle" }
}
