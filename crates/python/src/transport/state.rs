//! What every transport consists of, and what the functions of this folder have to be told of each kind.
//!
//! It knows no kind. The trait's functions are called with no borrow alive, unless they take `&self` or `&mut self`.

use std::os::fd::RawFd;

use pyo3::prelude::*;
use reactor::{Interest, Token};
use stream::{Flow, State};

use crate::ffi::call::copy_context;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{Class, Visit};
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::protocol::Callee;
use crate::registry::SourceKind;

/// The value inside the object of a transport.
pub(crate) struct Transport<I: Inner> {
    pub(crate) owner: Object<EventLoop>,
    /// What the table of descriptors has it under.
    pub(crate) kind: SourceKind,
    pub(crate) inner: GilCell<I>,
}

/// What changes in a transport: of a stream, of datagrams, of a pipe.
pub(crate) trait Inner: Sized + 'static {
    /// The classes whose objects are such transports: statics.
    fn classes() -> &'static [Class<Transport<Self>>];

    /// That of a kind.
    fn class_of(_kind: SourceKind) -> &'static Class<Transport<Self>> {
        &Self::classes()[0]
    }

    fn common(&mut self) -> &mut Common;

    fn state(&mut self) -> &mut State;

    /// How much waits to be sent, in bytes, as `get_write_buffer_size()` counts them. 0 if nothing waits.
    fn waiting(&self) -> usize;

    /// Whether the descriptor is closed.
    fn is_closed(&self) -> bool;

    /// `connection_made` was called.
    fn start(&mut self) {
        self.state().start();
    }

    /// What the kernel should be asked for.
    #[inline(always)]
    fn interest(&mut self) -> stream::Interest {
        self.state().interest()
    }

    /// Shows the collector every object of its own.
    fn visit(&self, visit: &mut Visit);

    /// Lets go of what may be part of a cycle, but for the protocol.
    fn clear(_transport: &Transport<Self>, _py: Python<'_>) {}

    /// Called before the transport gets another protocol.
    fn accept_protocol(_transport: This<'_, Transport<Self>>, _protocol: &Bound<'_, PyAny>) -> PyResult<()> {
        Ok(())
    }

    /// `resume_reading()` was called: has the loop deliver what was received before.
    fn deliver_later(_transport: This<'_, Transport<Self>>) -> Result<(), ErrorSet> {
        Ok(())
    }

    /// Offers the kernel what was gathered during the turn.
    fn flush(_transport: This<'_, Transport<Self>>) -> Result<(), ErrorSet> {
        Ok(())
    }

    /// Forgets what waits to be sent, or to be delivered.
    fn discard(transport: &Transport<Self>, py: Python<'_>);

    /// The queue is empty: whoever waits for that is woken.
    fn on_drained(_transport: This<'_, Transport<Self>>) -> Result<(), ErrorSet> {
        Ok(())
    }

    /// Everything that was written before `write_eof()` is sent.
    fn shut_down(_transport: This<'_, Transport<Self>>) -> Result<(), ErrorSet> {
        Ok(())
    }

    /// The kernel refuses to watch the descriptor, which ends the transport.
    fn report_unwatchable(_transport: This<'_, Transport<Self>>, _error: &PyErr) -> PyResult<()> {
        Ok(())
    }

    /// Closes the descriptor.
    fn close_descriptor(transport: This<'_, Transport<Self>>) -> Result<(), ErrorSet>;

    /// The descriptor is closed. `has_other_half`: another transport, of the other half of a pipe, has the same number.
    fn after_close(_transport: This<'_, Transport<Self>>, _has_other_half: bool) -> Result<(), ErrorSet> {
        Ok(())
    }

    /// The representation, as asyncio writes it.
    fn represent(transport: This<'_, Transport<Self>>) -> String;
}

/// What all transports have.
pub(crate) struct Common {
    pub(crate) flow: Flow,
    /// What the kernel was asked for last.
    pub(crate) watched: Interest,
    /// The descriptor as it was when the transport was made.
    pub(crate) number: RawFd,
    pub(crate) token: Option<Token>,
    /// Whether the loop will flush the transport at the end of its turn.
    pub(crate) is_listed: bool,
    pub(crate) protocol: Option<Object>,
    pub(crate) context: Object,
}

impl Common {
    /// For a transport that is not in the table of descriptors yet. Without a context, a copy of the current one.
    pub(crate) fn new(
        number: RawFd,
        protocol: Bound<'_, PyAny>,
        context: Option<Bound<'_, PyAny>>,
    ) -> Result<Self, ErrorSet> {
        let context = match context {
            Some(context) => context,
            None => copy_context(protocol.py())?,
        };
        Ok(Self {
            flow: Flow::new(),
            watched: Interest::NONE,
            number,
            token: None,
            is_listed: false,
            protocol: Some(protocol.into()),
            context: context.into(),
        })
    }

    /// Shows the collector the objects.
    pub(crate) fn visit(&self, visit: &mut Visit) {
        visit.maybe(self.protocol.as_ref());
        visit.object(&self.context);
    }

    /// The protocol with its context; `None` once it is gone.
    #[inline(always)]
    pub(crate) fn callee<'py>(&self, py: Python<'py>) -> Option<Callee<'py>> {
        let protocol = self.protocol.as_ref()?.bind(py).clone();
        Some(Callee { protocol, context: self.context.bind(py).clone() })
    }
}

impl<I: Inner> Transport<I> {
    /// The protocol with its context; `None` once it is gone.
    #[inline(always)]
    pub(crate) fn callee<'py>(&self, py: Python<'py>) -> Option<Callee<'py>> {
        self.inner.with(py, |inner| inner.common().callee(py))
    }
}
