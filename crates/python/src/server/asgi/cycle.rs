//! One request and its response, as the application sees them: what `receive` and `send` are bound to.
//!
//! A connection answers one request at a time, so they work on the connection; the number of the request tells whether
//! it is still the current one.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use wire::RequestId;

use crate::ffi::free_list::{FreeList, free_list};
use crate::ffi::instance::{ClassValue, Plain, Visit, one_class};
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::server::connection::Protocol;
use crate::server::file::Answering;

/// Requests come and go one after the other; as many as wait at a time are kept.
static SPARE: FreeList<RequestCycle> = free_list!(256);

/// One request and its response.
pub(super) struct RequestCycle {
    pub(super) protocol: Object<Protocol>,
    /// The number of the request in the connection.
    pub(super) request: RequestId,
    /// The number of the request in the server.
    pub(super) key: u64,
    /// Whether the request asks for a WebSocket, which is what the application then speaks.
    pub(super) is_websocket: bool,
    /// Whether the application has received the first event of a WebSocket, which is the server's own.
    has_begun: AtomicBool,
    /// Whether the end of its task was handled: some tasks call back more than once.
    has_ended: AtomicBool,
}

impl RequestCycle {
    #[inline]
    pub(super) fn make<'py>(
        protocol: This<'py, Protocol>,
        request: RequestId,
        key: u64,
        is_websocket: bool,
    ) -> Result<Bound<'py, Self>, ErrorSet> {
        let protocol_reference = protocol.to_owned().into();
        let [has_begun, has_ended] = [AtomicBool::new(false), AtomicBool::new(false)];
        let cycle = Self { protocol: protocol_reference, request, key, is_websocket, has_begun, has_ended };
        Self::class().instance(protocol.py(), cycle)
    }

    /// Returns whether the application has received the first event of a WebSocket.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }

    /// Records that.
    pub(super) fn note_begin(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
    }

    /// Records that the task has ended. Returns whether that is new.
    pub(super) fn note_end(&self) -> bool {
        !self.has_ended.swap(true, Ordering::Relaxed)
    }

    /// Returns whether that was recorded.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}

impl ClassValue for RequestCycle {
    type Head = Plain;

    one_class!(RequestCycle);

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.protocol);
    }

    fn clear(&self, _py: Python<'_>) {}

    #[inline(always)]
    fn spare() -> Option<&'static FreeList<Self>> {
        Some(&SPARE)
    }
}

impl Answering for RequestCycle {
    fn answered(this: This<'_, Self>) -> Result<(This<'_, Protocol>, RequestId), ErrorSet> {
        let value = this.value();
        Ok((value.protocol.this(this.py()), value.request))
    }
}
