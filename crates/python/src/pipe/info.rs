//! The representation of a pipe's transport.

use reactor::Interest;

use super::state::Pipe;
use crate::ffi::this::This;
use crate::loop_state::Modes;
use crate::registry::SourceKind;
use crate::transport::{Inner as _, polling, stage};

/// Returns `<WritePipeTransport fd=7 idle bufsize=0>`, as asyncio writes it.
pub(super) fn represent(pipe: This<'_, Pipe>) -> String {
    let is_reader = pipe.kind == SourceKind::ReadPipe;
    let has_poller = !pipe.owner.get().modes.any(Modes::CLOSED);
    pipe.inner.with(pipe.py(), |inner| {
        let name = if is_reader { "ReadPipeTransport" } else { "WritePipeTransport" };
        let own = if is_reader { Interest::READABLE } else { Interest::WRITABLE };
        let state = match (inner.is_closed(), has_poller) {
            (true, _) => "closed",
            (false, false) => "open",
            (false, true) => polling(inner, own),
        };
        let mut text = format!("<{name}{} fd={} {state}", stage(inner), inner.common.number);
        if !is_reader && has_poller && !inner.is_closed() {
            text += &format!(" bufsize={}", inner.waiting());
        }
        text + ">"
    })
}
