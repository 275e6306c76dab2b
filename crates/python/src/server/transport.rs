//! The transport of a connection: a native stream, whose functions are called directly, or any other, whose methods are
//! called.
//!
//! asyncio's TLS transport tells only that it was closed, not that the transport below it is lost, which alone warns of
//! each late write: so that one is checked, too.

use pyo3::prelude::*;
use pyo3::types::PyString;
use wire::HalfClose;

use crate::ffi::bytes::Bytes;
use crate::ffi::call::call_method;
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::protocol;
use crate::stream::{self, Stream};
use crate::transport;

/// The size of pieces that are joined for a transport that would send each separately: TLS makes a record of each.
const JOIN_AT_MOST: usize = 16 * 1024;

/// A transport.
pub(super) enum Transport {
    Stream(Object<Stream>),
    /// asyncio's TLS transport.
    Tls(Object),
    Other(Object),
}

impl Transport {
    pub(super) fn new(transport: Borrowed<'_>) -> PyResult<Self> {
        if let Some(stream) = This::<Stream>::cast(transport) {
            return Ok(Self::Stream(stream.to_owned().into()));
        }
        let object = transport.to_owned().into();
        let is_tls = transport.getattr_opt(name!("_ssl_protocol"))?.is_some();
        Ok(if is_tls { Self::Tls(object) } else { Self::Other(object) })
    }

    pub(super) fn object(&self) -> &Py<PyAny> {
        match self {
            Self::Stream(object) => object.as_any(),
            Self::Tls(object) | Self::Other(object) => object,
        }
    }

    pub(super) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Stream(object) => Self::Stream(object.clone_ref(py)),
            Self::Tls(object) => Self::Tls(object.clone_ref(py)),
            Self::Other(object) => Self::Other(object.clone_ref(py)),
        }
    }

    /// Writes a head, content and what follows it.
    #[inline]
    pub(super) fn write(
        &self,
        py: Python<'_>,
        head: &[u8],
        content: Option<Bytes>,
        tail: &[u8],
    ) -> Result<(), ErrorSet> {
        match self {
            Self::Stream(transport) => {
                stream::write_parts(transport.bind_borrowed(py).into(), head, content, tail)
            }
            Self::Tls(transport) | Self::Other(transport) => {
                write_by_method(transport.bind_borrowed(py), head, content, tail)
            }
        }
    }

    /// Returns whether the connection is known to be lost, though the protocol was not told yet. Only a native stream
    /// knows; [`is_closing`](Self::is_closing) asks the others.
    #[inline]
    pub(super) fn is_lost(&self, py: Python<'_>) -> bool {
        match self {
            Self::Stream(transport) => stream::is_lost(transport.bind_borrowed(py).into()),
            Self::Tls(_) | Self::Other(_) => false,
        }
    }

    /// Returns whether the transport carries TLS. A native stream does not.
    pub(super) fn is_secure(&self, py: Python<'_>) -> Result<bool, ErrorSet> {
        match self {
            Self::Stream(_) => Ok(false),
            Self::Tls(_) => Ok(true),
            Self::Other(_) => Ok(!self.fact(py, name!("sslcontext"))?.is_none()),
        }
    }

    /// Requests a call of the protocol at the end of the turn, before the stream sends. Returns false if this transport
    /// can't do that.
    pub(super) fn tell_at_turn_end(&self, py: Python<'_>) -> Result<bool, ErrorSet> {
        match self {
            Self::Stream(transport) => {
                stream::tell_at_turn_end(transport.bind_borrowed(py).into()).map(|()| true)
            }
            Self::Tls(_) | Self::Other(_) => Ok(false),
        }
    }

    pub(super) fn pause_reading(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        match self {
            Self::Stream(transport) => transport::pause_reading(transport.bind_borrowed(py).into()),
            Self::Tls(_) | Self::Other(_) => self.call(py, name!("pause_reading")).map(drop),
        }
    }

    pub(super) fn resume_reading(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        match self {
            Self::Stream(transport) => transport::resume_reading(transport.bind_borrowed(py).into()),
            Self::Tls(_) | Self::Other(_) => self.call(py, name!("resume_reading")).map(drop),
        }
    }

    /// Sends what was written, then closes.
    pub(super) fn close(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        match self {
            Self::Stream(transport) => transport::close(transport.bind_borrowed(py).into()),
            // asyncio's TLS transport can't be used any more after a second `close()`.
            Self::Tls(_) | Self::Other(_) if self.is_closing(py)? => Ok(()),
            Self::Tls(_) | Self::Other(_) => self.call(py, name!("close")).map(drop),
        }
    }

    pub(super) fn abort(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        self.call(py, name!("abort")).map(drop)
    }

    /// Ends our side and leaves the peer's open.
    pub(super) fn end_writing(&self, py: Python<'_>) -> Result<HalfClose, ErrorSet> {
        if !self.can_end_writing(py)? {
            return Ok(HalfClose::Unsupported);
        }
        match self.call(py, name!("write_eof")) {
            Ok(_) => Ok(HalfClose::Done),
            Err(raised) => match raised.take(py) {
                error if protocol::is_network_error(py, &error) => Ok(HalfClose::Lost),
                error => Err(error.into()),
            },
        }
    }

    fn can_end_writing(&self, py: Python<'_>) -> Result<bool, ErrorSet> {
        match self {
            Self::Stream(_) => Ok(true),
            Self::Tls(_) => Ok(false),
            Self::Other(_) => match self.call(py, name!("can_write_eof")) {
                Ok(can) => Ok(can.is_truthy()?),
                // Some transports do not have the method.
                Err(raised) => protocol::failure(py, raised).map(|_| false),
            },
        }
    }

    /// Returns the bytes that wait for the kernel; 0 if a closing transport does not tell.
    pub(super) fn unsent(&self, py: Python<'_>) -> Result<usize, ErrorSet> {
        match self.call(py, name!("get_write_buffer_size")) {
            Ok(size) => Ok(size.extract()?),
            Err(raised) => {
                protocol::failure(py, raised)?;
                Ok(0)
            }
        }
    }

    pub(super) fn is_closing(&self, py: Python<'_>) -> Result<bool, ErrorSet> {
        Ok(self.call(py, name!("is_closing"))?.is_truthy()? || self.is_lost_below(py)?)
    }

    /// Returns whether the transport under TLS is lost or closing.
    fn is_lost_below(&self, py: Python<'_>) -> Result<bool, ErrorSet> {
        let Self::Tls(transport) = self else { return Ok(false) };
        let Some(middle) = transport.bind(py).getattr_opt(name!("_ssl_protocol"))? else { return Ok(false) };
        let below = middle.getattr_opt(name!("_transport"))?.filter(|below| !below.is_none());
        let Some(below) = below else { return Ok(true) };
        Ok(call_method(below.as_borrowed(), name!("is_closing"), &[])?.is_truthy()?)
    }

    /// Returns the peer's address and our own, as Python has them.
    pub(super) fn addresses<'py>(&self, py: Python<'py>) -> Result<[Bound<'py, PyAny>; 2], ErrorSet> {
        match self {
            Self::Stream(transport) => {
                Ok(stream::addresses(py, This::from(transport.bind_borrowed(py)).value())?)
            }
            Self::Tls(_) | Self::Other(_) => {
                Ok([self.fact(py, name!("peername"))?, self.fact(py, name!("sockname"))?])
            }
        }
    }

    /// Returns `transport.get_extra_info(name)`.
    pub(super) fn fact<'py>(
        &self,
        py: Python<'py>,
        name: &Py<PyString>,
    ) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let transport = self.object().bind_borrowed(py);
        call_method(transport, name!("get_extra_info"), &[name.bind_borrowed(py).as_any().as_borrowed()])
    }

    fn call<'py>(&self, py: Python<'py>, name: &Py<PyString>) -> Result<Bound<'py, PyAny>, ErrorSet> {
        call_method(self.object().bind_borrowed(py), name, &[])
    }
}

fn write_by_method(
    transport: Borrowed<'_>,
    head: &[u8],
    content: Option<Bytes>,
    tail: &[u8],
) -> Result<(), ErrorSet> {
    let py = transport.py();
    let write =
        |piece: &Bound<'_, PyAny>| call_method(transport, name!("write"), &[piece.as_borrowed()]).map(drop);
    let length = content.as_ref().map_or(0, |content| content.as_ref().len());
    if head.len() + length + tail.len() <= JOIN_AT_MOST {
        let middle = content.as_ref().map_or(&[][..], AsRef::as_ref);
        let joined = [head, middle, tail].concat();
        return if joined.is_empty() { Ok(()) } else { write(make::bytes(py, &joined)?.as_any()) };
    }
    if !head.is_empty() {
        write(make::bytes(py, head)?.as_any())?;
    }
    if let Some(content) = content {
        write(&content.to_object(py))?;
    }
    if tail.is_empty() { Ok(()) } else { write(make::bytes(py, tail)?.as_any()) }
}
