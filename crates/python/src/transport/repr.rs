//! The representations of transports over sockets, and the part that all transports share.

use reactor::Interest;

use super::state::{Inner, Transport};
use crate::ffi::this::This;
use crate::loop_state::Modes;

/// Returns `<SocketTransport fd=7 read=polling write=<idle, bufsize=0>>`, as asyncio writes it.
pub(crate) fn repr<I: Inner>(transport: This<'_, Transport<I>>, name: &str) -> String {
    let has_open_loop = !transport.owner.get().modes.any(Modes::CLOSED);
    transport.inner.with(transport.py(), |inner| {
        let mut text = format!("<{name}{} fd={}", stage(inner), inner.common().number);
        if has_open_loop && !inner.is_closed() {
            let (reads, writes) = (polling(inner, Interest::READABLE), polling(inner, Interest::WRITABLE));
            text += &format!(" read={reads} write=<{writes}, bufsize={}>", inner.waiting());
        }
        text + ">"
    })
}

/// Returns "closing" or "closed" with a space, or nothing for an open transport.
pub(crate) fn stage<I: Inner>(inner: &mut I) -> &'static str {
    match (inner.is_closed(), inner.state().is_closing()) {
        (true, _) => " closed",
        (false, true) => " closing",
        (false, false) => "",
    }
}

/// Returns "polling" or "idle".
pub(crate) fn polling<I: Inner>(inner: &mut I, interest: Interest) -> &'static str {
    if inner.common().watched.contains(interest) { "polling" } else { "idle" }
}
