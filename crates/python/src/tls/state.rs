//! The value of a TLS transport: its state, its engine, and ciphertext that is kept.

use std::collections::TryReserveError;
use std::mem;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use stream::{Phase, WriteQueue};

use super::below::Below;
use super::engine::Engine;
use crate::ffi::bytes::Bytes;
use crate::ffi::error::no_memory;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::stream::{ReadMode, read_mode_of};

/// The value inside a transport.
pub(crate) struct Tls {
    pub(super) owner: Object<EventLoop>,
    pub(super) is_server: bool,
    /// Limits in seconds.
    pub(super) handshake_timeout: f64,
    pub(super) shutdown_timeout: f64,
    pub(super) inner: GilCell<Inner>,
}

/// The objects of the module `ssl`.
pub(super) struct Objects {
    /// The user's `ssl.SSLContext`.
    pub(super) context: Object,
    /// The `ssl.SSLObject` that it has made.
    pub(super) ssl_object: Object,
}

/// The mutable part of a transport.
pub(super) struct Inner {
    pub(super) state: stream::Tls,
    /// What the program has written and is not encrypted.
    pub(super) queue: WriteQueue<Bytes>,
    /// Ciphertext that could not be used when it arrived.
    pub(super) incoming: Vec<u8>,
    /// Absent while it is in use.
    pub(super) engine: Option<Engine>,
    pub(super) objects: Option<Objects>,
    /// Whether the program has closed the transport once more, and so needs it no longer.
    pub(super) is_done_with: bool,
    pub(super) below: Option<Below>,
    pub(super) protocol: Option<Object>,
    pub(super) read_mode: ReadMode,
    /// The future of a caller that waits for the end of the handshake.
    pub(super) waiter: Option<Object>,
    /// The timer of the handshake, later that of the goodbye.
    pub(super) timer: Option<Object>,
    /// Whether the handshake has succeeded.
    pub(super) is_agreed: bool,
    /// When the handshake began, for the log of debug mode.
    pub(super) handshake_began: f64,
    /// Values of `get_extra_info()` that were asked for.
    pub(super) extra: Option<Object<PyDict>>,
    /// Whether the loop will flush the transport at the end of its turn.
    pub(super) is_listed: bool,
    /// Whether the protocol wants a call before that.
    pub(super) tells_turn_end: bool,
}

impl Inner {
    /// Opens a connection whose handshake has succeeded. Returns false if it was aborted meanwhile.
    pub(super) fn agree(&mut self) -> bool {
        self.is_agreed = self.state.phase() == Phase::Handshake && self.state.advance(Phase::Open);
        self.is_agreed
    }
}

impl Inner {
    /// Takes what belongs to a connection that is lost and of which the program wants to know nothing more.
    pub(super) fn take_unneeded(&mut self) -> Option<(Option<Engine>, Option<Objects>)> {
        let is_unneeded = self.is_done_with && self.state.phase() == Phase::Closed && self.below.is_none();
        is_unneeded.then(|| (self.engine.take(), self.objects.take()))
    }
}

impl Tls {
    /// Returns the context and the `ssl.SSLObject`; `None` once nobody needs them.
    pub(super) fn objects<'py>(&self, py: Python<'py>) -> Option<[Bound<'py, PyAny>; 2]> {
        self.inner.with(py, |inner| {
            let Objects { context, ssl_object } = inner.objects.as_ref()?;
            Some([context.bind(py).clone(), ssl_object.bind(py).clone()])
        })
    }

    pub(super) fn phase(&self, py: Python<'_>) -> Phase {
        self.inner.with(py, |inner| inner.state.phase())
    }

    pub(super) fn below(&self, py: Python<'_>) -> Option<Below> {
        self.inner.with(py, |inner| inner.below.as_ref().map(|below| below.clone_ref(py)))
    }

    pub(super) fn protocol<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.inner.with(py, |inner| inner.protocol.as_ref().map(|protocol| protocol.bind(py).clone()))
    }

    /// Hands the connection to another protocol.
    pub(super) fn set_protocol(this: This<'_, Self>, protocol: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let read_mode = read_mode_of(this.owner.bind(py), protocol)?;
        let before = this.inner.with(py, |inner| {
            inner.read_mode = read_mode;
            inner.protocol.replace(protocol.clone().into())
        });
        drop(before);
        Ok(())
    }
}

/// Whether bytes can be used.
pub(super) enum Accepted {
    /// As they are.
    Now,
    /// Behind those that were kept before.
    Behind(Vec<u8>),
    /// Not yet: they are kept.
    Later,
}

impl Inner {
    /// Takes bytes, or keeps them while the engine is in use or there is no connection.
    #[inline]
    pub(super) fn accept(&mut self, bytes: &[u8]) -> Result<Accepted, TryReserveError> {
        let phase = self.state.phase();
        let is_ready = self.engine.is_some() && phase != Phase::Unconnected;
        if is_ready && self.incoming.is_empty() {
            return Ok(Accepted::Now);
        }
        if phase != Phase::Closed {
            self.incoming.try_reserve(bytes.len())?;
            self.incoming.extend_from_slice(bytes);
        }
        if !is_ready {
            return Ok(Accepted::Later);
        }
        Ok(Accepted::Behind(mem::take(&mut self.incoming)))
    }

    /// Keeps what is left, in front of what has arrived meanwhile.
    pub(super) fn keep(&mut self, left: &[u8]) -> Result<(), TryReserveError> {
        if self.state.phase() == Phase::Closed {
            self.incoming = Vec::new();
            return Ok(());
        }
        let mut kept = Vec::new();
        kept.try_reserve_exact(left.len() + self.incoming.len())?;
        kept.extend_from_slice(left);
        kept.extend_from_slice(&self.incoming);
        self.incoming = kept;
        Ok(())
    }
}

/// Runs `body` with the engine, which nobody else has meanwhile. `None` while somebody else has it.
pub(super) fn with_engine<R>(tls: This<'_, Tls>, body: impl FnOnce(&mut Engine) -> R) -> Option<R> {
    let py = tls.py();
    let mut engine = tls.inner.with(py, |inner| inner.engine.take())?;
    let result = body(&mut engine);
    tls.inner.with(py, |inner| inner.engine = Some(engine));
    Some(result)
}

/// Keeps what is left of ciphertext, before code runs that may want to use it: a protocol that closes the transport.
pub(super) fn keep(tls: This<'_, Tls>, input: &mut &[u8]) -> Result<(), ErrorSet> {
    if !input.is_empty() {
        tls.inner.with(tls.py(), |inner| inner.keep(input)).map_err(|_| no_memory())?;
        *input = &[];
    }
    Ok(())
}
