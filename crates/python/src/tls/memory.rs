//! The engine that works with every Python: a real `ssl.SSLObject`, and two `ssl.MemoryBIO`s.
//!
//! The object says by an exception that the peer has to send more. An exception costs as much as decrypting a short
//! record, so the object is asked only while a whole record waits for it: the headers of the records tell.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString, PyType};
use stream::{DATA_AT_MOST, Records};

use crate::ffi::bytes::Bytes;
use crate::ffi::call::call_method;
use crate::ffi::error::new_error;
use crate::ffi::instance::Visit;
use crate::ffi::make;
use crate::ffi::memory_view::{lend, lend_room};
use crate::ffi::object::Object;
use crate::ffi::openssl::Outcome;
use crate::ffi::room::Room;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// The classes of the module `ssl`, which is imported at the first use of TLS.
pub(super) struct Names {
    pub(super) ssl_object: Py<PyType>,
    pub(super) ssl_error: Py<PyType>,
    /// `SSLWantReadError` and `SSLSyscallError`: asyncio's `SSLAgainErrors`.
    again: [Py<PyType>; 2],
    zero_return: Py<PyType>,
    memory_bio: Py<PyType>,
}

static NAMES: PyOnceLock<Names> = PyOnceLock::new();

impl Names {
    pub(super) fn of(py: Python<'_>) -> PyResult<&'static Self> {
        NAMES.get_or_try_init(py, || {
            let ssl = py.import(name!("ssl"))?;
            let class = |name| Ok::<_, PyErr>(ssl.getattr(name)?.cast_into::<PyType>()?.unbind());
            Ok(Self {
                ssl_object: class(name!("SSLObject"))?,
                ssl_error: class(name!("SSLError"))?,
                again: [class(name!("SSLWantReadError"))?, class(name!("SSLSyscallError"))?],
                zero_return: class(name!("SSLZeroReturnError"))?,
                memory_bio: class(name!("MemoryBIO"))?,
            })
        })
    }

    /// Returns whether an exception says that the peer has to send more.
    pub(super) fn is_want(&self, py: Python<'_>, error: &PyErr) -> bool {
        self.again.iter().any(|class| error.is_instance(py, class.bind(py)))
    }
}

/// The engine of one connection.
pub(super) struct Memory {
    /// The `_ssl._SSLSocket` inside an `ssl.SSLObject` of exactly that class; otherwise the object itself, whose methods
    /// may be a program's.
    object: Object,
    is_plain: bool,
    incoming: Object,
    outgoing: Object,
    /// Whether views of our memory may be passed to the incoming BIO.
    has_plain_bio: bool,
    /// The place in the ciphertext up to which the incoming BIO has it.
    place: Records,
    /// The records that the incoming BIO has, at most.
    records: usize,
}

impl Memory {
    pub(super) fn new(
        object: Bound<'_, PyAny>,
        bios: [Bound<'_, PyAny>; 2],
        is_plain: bool,
    ) -> PyResult<Self> {
        let [incoming, outgoing] = bios;
        let class = &Names::of(object.py())?.memory_bio;
        let has_plain_bio = incoming.get_type().is(class);
        let (object, incoming, outgoing) = (object.into(), incoming.into(), outgoing.into());
        Ok(Self {
            object,
            is_plain,
            incoming,
            outgoing,
            has_plain_bio,
            place: Records::default(),
            records: 0,
        })
    }

    pub(super) fn visit(&self, visit: &mut Visit) {
        visit.object(&self.object);
        visit.object(&self.incoming);
        visit.object(&self.outgoing);
    }

    pub(super) const fn has_input(&self) -> bool {
        self.records > 0
    }

    pub(super) fn handshake(&mut self, py: Python<'_>, input: &mut &[u8]) -> Result<Outcome, ErrorSet> {
        let is_first = input.is_empty();
        if self.accept(py, input, usize::MAX)? == 0 && !is_first {
            // A part of a record changes nothing.
            return Ok(Outcome::Want);
        }
        let outcome = self.step(py, name!("do_handshake"));
        self.recount(py)?;
        outcome
    }

    pub(super) fn shut_down(&mut self, py: Python<'_>, input: &mut &[u8]) -> Result<Outcome, ErrorSet> {
        self.accept(py, input, usize::MAX)?;
        self.step(py, if self.is_plain { name!("shutdown") } else { name!("unwrap") })
    }

    /// Calls a method that raises to say that the peer has to send more.
    fn step(&self, py: Python<'_>, method: &Py<PyString>) -> Result<Outcome, ErrorSet> {
        match call_method(self.object.bind_borrowed(py), method, &[]) {
            Ok(_) => Ok(Outcome::Moved(0)),
            Err(raised) => want(py, raised),
        }
    }

    /// Moves whole records at the front of the ciphertext to the incoming BIO. Returns how many there were.
    fn accept(&mut self, py: Python<'_>, input: &mut &[u8], at_most: usize) -> Result<usize, ErrorSet> {
        let found = self.place.take_some(input, at_most);
        if found.length == 0 {
            return Ok(0);
        }
        let (records, rest) = input.split_at(found.length);
        let incoming = self.incoming.bind_borrowed(py);
        if self.has_plain_bio {
            lend(py, records, |view| call_method(incoming, name!("write"), &[view]).map(drop))?;
        } else {
            let copy = make::bytes(py, records)?;
            call_method(incoming, name!("write"), &[copy.as_any().as_borrowed()])?;
        }
        *input = rest;
        self.records += found.count;
        Ok(found.count)
    }

    /// Corrects the number of records after a call that may have read any number of them.
    fn recount(&mut self, py: Python<'_>) -> Result<(), ErrorSet> {
        let pending: usize = self.incoming.bind(py).getattr(name!("pending"))?.extract()?;
        if pending == 0 {
            self.records = 0;
        }
        Ok(())
    }

    /// Decrypts the data of at most one record.
    pub(super) fn read(
        &mut self,
        py: Python<'_>,
        input: &mut &[u8],
        room: &mut Room<'_>,
    ) -> Result<Outcome, ErrorSet> {
        let count = loop {
            // One by one, since the BIO keeps the memory that it once had.
            if self.records == 0 && self.accept(py, input, 1)? == 0 {
                return Ok(Outcome::Want);
            }
            match self.read_some(py, room) {
                Ok(0) => return Ok(Outcome::Closed),
                Ok(count) => break count,
                Err(raised) => {
                    let error = raised.take(py);
                    let names = Names::of(py)?;
                    if error.is_instance(py, names.zero_return.bind(py)) {
                        // The peer's goodbye, after ours.
                        return Ok(Outcome::Closed);
                    }
                    if !names.is_want(py, &error) {
                        return Err(error.into());
                    }
                    // A record without data, such as a session ticket. The next one may be there.
                    self.records = 0;
                }
            }
        };
        // A record that did not fit is read in parts.
        if !room.is_full() || !self.has_pending(py)? {
            self.records = self.records.saturating_sub(1);
        }
        Ok(Outcome::Moved(count))
    }

    fn read_some(&self, py: Python<'_>, room: &mut Room<'_>) -> Result<usize, ErrorSet> {
        let object = self.object.bind_borrowed(py);
        if self.is_plain {
            return lend_room(py, room, DATA_AT_MOST, |view| {
                let length = make::count(py, view.len()?)?;
                let count = call_method(object, name!("read"), &[length.as_borrowed(), view])?;
                Ok(count.extract()?)
            });
        }
        let length = make::count(py, DATA_AT_MOST.min(room.left()))?;
        let data = call_method(object, name!("read"), &[length.as_borrowed()])?;
        let data = data.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes();
        if room.push(data) < data.len() {
            return Err(new_error::<PyTypeError>("read() returned more than it was asked for").into());
        }
        Ok(data.len())
    }

    fn has_pending(&self, py: Python<'_>) -> Result<bool, ErrorSet> {
        let pending = call_method(self.object.bind_borrowed(py), name!("pending"), &[])?;
        Ok(pending.extract::<usize>()? > 0)
    }

    pub(super) fn write(&mut self, py: Python<'_>, data: &[u8]) -> Result<Outcome, ErrorSet> {
        let object = self.object.bind_borrowed(py);
        let written = if self.is_plain {
            lend(py, data, |view| call_method(object, name!("write"), &[view]))
        } else {
            let copy = make::bytes(py, data)?;
            call_method(object, name!("write"), &[copy.as_any().as_borrowed()])
        };
        match written {
            Ok(count) => Ok(Outcome::Moved(count.extract::<usize>()?.min(data.len()))),
            Err(raised) => want(py, raised),
        }
    }

    pub(super) fn take_output(&self, py: Python<'_>) -> Result<Bytes, ErrorSet> {
        let output = call_method(self.outgoing.bind_borrowed(py), name!("read"), &[])?;
        Bytes::of_borrowed(&output.as_borrowed())
            .ok_or_else(|| new_error::<PyTypeError>("MemoryBIO.read() did not return bytes").into())
    }
}

/// Returns `Want` for the exceptions that mean it.
fn want(py: Python<'_>, raised: ErrorSet) -> Result<Outcome, ErrorSet> {
    let error = raised.take(py);
    if Names::of(py)?.is_want(py, &error) { Ok(Outcome::Want) } else { Err(error.into()) }
}
