//! Where the bytes of a connection go: a trait, for a native stream, whose functions are called directly, and for any
//! other transport, whose methods are called. A further transport of ours is a further implementation.

use std::ops::Deref;

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
use crate::tls::{self, Tls};
use crate::transport;

/// The size of pieces that are joined for a transport that would send each separately: TLS makes a record of each.
const JOIN_AT_MOST: usize = 16 * 1024;

/// A transport. What it does not do in its own way is done by its methods of asyncio's names.
pub(super) trait Transport {
    fn object(&self) -> &Py<PyAny>;

    /// Writes a head, content and what follows it.
    fn write(&self, py: Python<'_>, head: &[u8], content: Option<Bytes>, tail: &[u8])
    -> Result<(), ErrorSet>;

    /// Returns whether the transport says by itself that it is lost: [`is_lost`](Self::is_lost).
    fn reports_loss(&self) -> bool {
        false
    }

    /// Returns whether the connection is known to be lost, though the protocol was not told yet.
    fn is_lost(&self, _py: Python<'_>) -> bool {
        false
    }

    fn is_secure(&self) -> bool {
        false
    }

    fn is_closing(&self, py: Python<'_>) -> Result<bool, ErrorSet> {
        Ok(self.call(py, name!("is_closing"))?.is_truthy()?)
    }

    /// Requests a call of the protocol at the end of the turn, before bytes are sent. Returns false if this transport
    /// can't do that.
    fn tell_at_turn_end(&self, _py: Python<'_>) -> Result<bool, ErrorSet> {
        Ok(false)
    }

    fn pause_reading(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        self.call(py, name!("pause_reading")).map(drop)
    }

    fn resume_reading(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        self.call(py, name!("resume_reading")).map(drop)
    }

    /// Sends what was written, then closes.
    fn close(&self, py: Python<'_>) -> Result<(), ErrorSet>;

    fn abort(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        self.call(py, name!("abort")).map(drop)
    }

    /// Aborts so that the peer sees a reset. A socket that has none, or is closed already, is aborted all the same.
    fn reset(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        let prepared = self.reset_on_close(py).or_else(|raised| protocol::failure(py, raised).map(drop));
        self.abort(py).and(prepared)
    }

    /// Has the kernel send a reset when the socket is closed: SO_LINGER without a time (socket(7)).
    fn reset_on_close(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        let socket = self.fact(py, name!("socket"))?;
        let linger = [1, 0].map(i32::to_ne_bytes).concat();
        let level = make::integer(py, i64::from(libc::SOL_SOCKET))?;
        let option = make::integer(py, i64::from(libc::SO_LINGER))?;
        let value = make::bytes(py, &linger)?;
        Ok(socket.call_method1(name!("setsockopt"), (level, option, value)).map(drop)?)
    }

    fn can_end_writing(&self, py: Python<'_>) -> Result<bool, ErrorSet> {
        match self.call(py, name!("can_write_eof")) {
            Ok(can) => Ok(can.is_truthy()?),
            // Some transports do not have the method.
            Err(raised) => protocol::failure(py, raised).map(|_| false),
        }
    }

    /// Ends our side and leaves the peer's open.
    fn end_writing(&self, py: Python<'_>) -> Result<HalfClose, ErrorSet> {
        if self.is_closing(py)? {
            return Ok(HalfClose::Lost);
        }
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

    /// Returns the bytes that wait for the kernel; 0 if a closing transport does not tell.
    fn unsent(&self, py: Python<'_>) -> Result<usize, ErrorSet> {
        match self.call(py, name!("get_write_buffer_size")) {
            Ok(size) => Ok(size.extract()?),
            Err(raised) => protocol::failure(py, raised).map(|_| 0),
        }
    }

    /// Returns the peer's address and our own, as Python has them.
    fn addresses<'py>(&self, py: Python<'py>) -> Result<[Bound<'py, PyAny>; 2], ErrorSet> {
        Ok([self.fact(py, name!("peername"))?, self.fact(py, name!("sockname"))?])
    }

    /// Returns `transport.get_extra_info(name)`.
    fn fact<'py>(&self, py: Python<'py>, name: &Py<PyString>) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let (transport, name) = (self.object().bind_borrowed(py), name.bind_borrowed(py));
        call_method(transport, name!("get_extra_info"), &[name.as_any().as_borrowed()])
    }

    fn call<'py>(&self, py: Python<'py>, name: &Py<PyString>) -> Result<Bound<'py, PyAny>, ErrorSet> {
        call_method(self.object().bind_borrowed(py), name, &[])
    }
}

/// Any of the transports.
pub(super) enum AnyTransport {
    /// A stream of the loop.
    Native(Object<Stream>),
    /// TLS of the loop.
    Tls(Object<Tls>),
    Foreign(Foreign),
}

/// A transport that is not ours, such as asyncio's for TLS. That one tells only that it was closed, not that the
/// transport below it is lost, which alone warns of each late write: so that one is checked, too.
pub(super) struct Foreign {
    object: Object,
    is_secure: bool,
}

impl AnyTransport {
    pub(super) fn new(transport: Borrowed<'_>) -> Result<Self, ErrorSet> {
        if let Some(stream) = This::<Stream>::cast(transport) {
            return Ok(Self::Native(stream.to_owned().into()));
        }
        if let Some(tls) = This::<Tls>::cast(transport) {
            return Ok(Self::Tls(tls.to_owned().into()));
        }
        let mut foreign = Foreign { object: transport.to_owned().into(), is_secure: false };
        foreign.is_secure = !foreign.fact(transport.py(), name!("sslcontext"))?.is_none();
        Ok(Self::Foreign(foreign))
    }

    pub(super) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Native(object) => Self::Native(object.clone_ref(py)),
            Self::Tls(object) => Self::Tls(object.clone_ref(py)),
            Self::Foreign(Foreign { object, is_secure }) => {
                Self::Foreign(Foreign { object: object.clone_ref(py), is_secure: *is_secure })
            }
        }
    }
}

impl Deref for AnyTransport {
    type Target = dyn Transport;

    #[inline(always)]
    fn deref(&self) -> &(dyn Transport + 'static) {
        match self {
            Self::Native(native) => native,
            Self::Tls(tls) => tls,
            Self::Foreign(foreign) => foreign,
        }
    }
}

impl Transport for Object<Stream> {
    fn object(&self) -> &Py<PyAny> {
        self.as_any()
    }

    fn write(
        &self,
        py: Python<'_>,
        head: &[u8],
        content: Option<Bytes>,
        tail: &[u8],
    ) -> Result<(), ErrorSet> {
        stream::write_parts(self.this(py), head, content, tail)
    }

    fn reports_loss(&self) -> bool {
        true
    }

    fn is_lost(&self, py: Python<'_>) -> bool {
        stream::is_lost(self.this(py))
    }

    fn tell_at_turn_end(&self, py: Python<'_>) -> Result<bool, ErrorSet> {
        stream::tell_at_turn_end(self.this(py)).map(|()| true)
    }

    fn pause_reading(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        transport::pause_reading(self.this(py))
    }

    fn resume_reading(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        transport::resume_reading(self.this(py))
    }

    fn close(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        transport::close(self.this(py))
    }

    fn addresses<'py>(&self, py: Python<'py>) -> Result<[Bound<'py, PyAny>; 2], ErrorSet> {
        Ok(stream::addresses(py, self.this(py).value())?)
    }
}

impl Transport for Object<Tls> {
    fn object(&self) -> &Py<PyAny> {
        self.as_any()
    }

    fn write(
        &self,
        py: Python<'_>,
        head: &[u8],
        content: Option<Bytes>,
        tail: &[u8],
    ) -> Result<(), ErrorSet> {
        tls::write_parts(self.this(py), head, content, tail)
    }

    fn reports_loss(&self) -> bool {
        true
    }

    fn is_lost(&self, py: Python<'_>) -> bool {
        tls::is_lost(self.this(py))
    }

    fn is_secure(&self) -> bool {
        true
    }

    fn tell_at_turn_end(&self, py: Python<'_>) -> Result<bool, ErrorSet> {
        tls::tell_at_turn_end(self.this(py)).map(|()| true)
    }

    fn close(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        tls::close(self.this(py))
    }

    fn end_writing(&self, py: Python<'_>) -> Result<HalfClose, ErrorSet> {
        match tls::end_writing(self.this(py)) {
            Ok(true) => Ok(HalfClose::Done),
            Ok(false) => Ok(HalfClose::Lost),
            Err(raised) => match raised.take(py) {
                error if protocol::is_network_error(py, &error) => Ok(HalfClose::Lost),
                error => Err(error.into()),
            },
        }
    }

    fn unsent(&self, py: Python<'_>) -> Result<usize, ErrorSet> {
        tls::unsent(self.this(py))
    }
}

impl Foreign {
    /// Returns the transport below asyncio's for TLS, or None in Python once it is lost.
    fn below<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>, ErrorSet> {
        let middle = match self.is_secure {
            true => self.object.bind(py).getattr_opt(name!("_ssl_protocol"))?,
            false => None,
        };
        let Some(middle) = middle else { return Ok(None) };
        Ok(Some(middle.getattr_opt(name!("_transport"))?.unwrap_or_else(|| py.None().into_bound(py))))
    }
}

impl Transport for Foreign {
    fn object(&self) -> &Py<PyAny> {
        &self.object
    }

    fn write(
        &self,
        py: Python<'_>,
        head: &[u8],
        content: Option<Bytes>,
        tail: &[u8],
    ) -> Result<(), ErrorSet> {
        let transport = self.object.bind_borrowed(py);
        let write = |piece: &[u8]| match piece {
            [] => Ok(()),
            _ => call_method(transport, name!("write"), &[make::bytes(py, piece)?.as_any().as_borrowed()])
                .map(drop),
        };
        let middle = content.as_ref().map_or(&[][..], AsRef::as_ref);
        if head.len() + middle.len() + tail.len() <= JOIN_AT_MOST {
            return write(&[head, middle, tail].concat());
        }
        write(head)?;
        if let Some(content) = content {
            call_method(transport, name!("write"), &[content.to_object(py)?.as_borrowed()])?;
        }
        write(tail)
    }

    fn is_secure(&self) -> bool {
        self.is_secure
    }

    fn is_closing(&self, py: Python<'_>) -> Result<bool, ErrorSet> {
        if self.call(py, name!("is_closing"))?.is_truthy()? {
            return Ok(true);
        }
        let Some(below) = self.below(py)? else { return Ok(false) };
        if below.is_none() {
            return Ok(true);
        }
        Ok(call_method(below.as_borrowed(), name!("is_closing"), &[])?.is_truthy()?)
    }

    fn unsent(&self, py: Python<'_>) -> Result<usize, ErrorSet> {
        let size = |transport: Borrowed<'_>| match call_method(transport, name!("get_write_buffer_size"), &[])
        {
            Ok(size) => Ok(size.extract()?),
            Err(raised) => protocol::failure(py, raised).map(|_| 0),
        };
        let own: usize = size(self.object.bind_borrowed(py))?;
        // asyncio's TLS transport counts only what it has not passed on.
        let below = self.below(py)?.filter(|below| !below.is_none());
        Ok(own + below.map_or(Ok(0), |below| size(below.as_borrowed()))?)
    }

    fn close(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        // asyncio's TLS transport can't be used any more after a second `close()`.
        if self.is_closing(py)? { Ok(()) } else { self.call(py, name!("close")).map(drop) }
    }
}
