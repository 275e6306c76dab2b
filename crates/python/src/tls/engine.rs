//! One interface to both engines: `direct`, on the connection inside the `ssl.SSLObject`, and `memory`, through it.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::memory::{Memory, Names};
use crate::ffi::bytes::Bytes;
use crate::ffi::error::{new_error, no_memory};
use crate::ffi::instance::Visit;
use crate::ffi::object::Object;
use crate::ffi::openssl::{Outcome, Session};
use crate::ffi::room::Room;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// What moves the bytes of a connection.
pub(super) enum Engine {
    Direct(Session),
    Memory(Memory),
}

/// What was encrypted.
pub(super) enum Output {
    Buffer(Vec<u8>),
    Object(Bytes),
}

impl AsRef<[u8]> for Output {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Buffer(buffer) => buffer,
            Self::Object(bytes) => bytes.as_ref(),
        }
    }
}

impl Engine {
    /// The name that Python has for it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Direct(_) => "direct",
            Self::Memory(_) => "memory",
        }
    }

    pub(super) fn visit(&self, visit: &mut Visit) {
        match self {
            Self::Direct(session) => visit.object(session.object()),
            Self::Memory(memory) => memory.visit(visit),
        }
    }

    /// Returns whether it has ciphertext that it has not used yet.
    pub(super) const fn has_input(&self) -> bool {
        match self {
            Self::Direct(_) => false,
            Self::Memory(memory) => memory.has_input(),
        }
    }

    /// Takes a step of the handshake. `Moved` means that it is over.
    pub(super) fn handshake(&mut self, py: Python<'_>, input: &mut &[u8]) -> Result<Outcome, ErrorSet> {
        match self {
            Self::Direct(session) => {
                let outcome = step(session, py, input, |object| {
                    object.bind(py).call_method0(name!("do_handshake")).map(drop)
                })?;
                if matches!(outcome, Outcome::Moved(_)) {
                    session.look_for_callback(py)?;
                }
                Ok(outcome)
            }
            Self::Memory(memory) => memory.handshake(py, input),
        }
    }

    /// Says goodbye, and looks for the peer's goodbye. `Moved` means that both are said.
    pub(super) fn shut_down(&mut self, py: Python<'_>, input: &mut &[u8]) -> Result<Outcome, ErrorSet> {
        match self {
            Self::Direct(session) => {
                step(session, py, input, |object| object.bind(py).call_method0(name!("shutdown")).map(drop))
            }
            Self::Memory(memory) => memory.shut_down(py, input),
        }
    }

    /// Decrypts into the room, until it is full or there is no more.
    pub(super) fn fill(
        &mut self,
        py: Python<'_>,
        input: &mut &[u8],
        room: &mut Room<'_>,
    ) -> Result<Outcome, ErrorSet> {
        loop {
            let outcome = match self {
                Self::Direct(session) => session.read(py, input, room)?,
                Self::Memory(memory) => memory.read(py, input, room)?,
            };
            match outcome {
                Outcome::Moved(_) if room.is_full() => return Ok(Outcome::Moved(room.len())),
                // Another call would only say that more has to arrive.
                Outcome::Moved(_) if matches!(self, Self::Direct(_)) && input.is_empty() => {
                    return Ok(Outcome::Want);
                }
                Outcome::Moved(_) => {}
                outcome => return Ok(outcome),
            }
        }
    }

    /// Encrypts data of at most one record.
    pub(super) fn write(&mut self, py: Python<'_>, data: &[u8]) -> Result<Outcome, ErrorSet> {
        match self {
            Self::Direct(session) => session.write(py, data),
            Self::Memory(memory) => memory.write(py, data),
        }
    }

    /// Gives the engine an empty buffer for what it encrypts next. It is returned if the engine has its own.
    pub(super) fn give_buffer(&mut self, empty: Vec<u8>) -> Option<Vec<u8>> {
        let Self::Direct(session) = self else { return Some(empty) };
        let before = session.exchange_output(empty);
        if !before.is_empty() {
            // What a program has written by the `ssl.SSLObject` itself comes first.
            drop(session.exchange_output(before));
        }
        None
    }

    /// Moves what was encrypted to the end of a buffer: a `MemoryBIO` keeps the memory that it once had.
    pub(super) fn drain_output(&self, py: Python<'_>, output: &mut Vec<u8>) -> Result<(), ErrorSet> {
        let Self::Memory(memory) = self else { return Ok(()) };
        let record = memory.take_output(py)?;
        output.try_reserve(record.as_ref().len()).map_err(|_| no_memory())?;
        output.extend_from_slice(record.as_ref());
        Ok(())
    }

    /// Returns what was encrypted.
    pub(super) fn take_output(&mut self, py: Python<'_>) -> Result<Output, ErrorSet> {
        match self {
            Self::Direct(session) => Ok(Output::Buffer(session.exchange_output(Vec::new()))),
            Self::Memory(memory) => memory.take_output(py).map(Output::Object),
        }
    }
}

/// Calls a method of the object that raises to say that the peer has to send more.
fn step(
    session: &mut Session,
    py: Python<'_>,
    input: &mut &[u8],
    call: impl FnOnce(&Object) -> PyResult<()>,
) -> Result<Outcome, ErrorSet> {
    match session.with_input(input, call) {
        Ok(()) => Ok(Outcome::Moved(0)),
        // The object takes that for a peer that is slow.
        Err(_) if session.was_refused() => Err(no_memory().into()),
        Err(error) if Names::of(py)?.is_want(py, &error) => Ok(Outcome::Want),
        Err(error) => Err(error.into()),
    }
}

/// Returns the engine of a new connection: the wanted one, or the one that always works and why it is that.
pub(super) fn engine_for<'py>(
    ssl_object: &Bound<'py, PyAny>,
    context: &Bound<'py, PyAny>,
    bios: [Bound<'py, PyAny>; 2],
    is_direct: bool,
) -> PyResult<(Engine, Option<String>)> {
    let py = ssl_object.py();
    let names = Names::of(py)?;
    let is_plain = ssl_object.get_type().is(&names.ssl_object);
    let inside = if is_plain { Some(ssl_object.getattr(name!("_sslobj"))?) } else { None };
    let mut obstacle = is_direct.then(|| "the object is not an ssl.SSLObject itself".to_owned());
    if let Some(inside) = inside.as_ref().filter(|_| is_direct) {
        match Session::of(inside, context)? {
            Ok(session) => return Ok((Engine::Direct(session), None)),
            Err(reason) => obstacle = Some(reason),
        }
    }
    let object = inside.unwrap_or_else(|| ssl_object.clone());
    if object.is_none() {
        return Err(new_error::<PyRuntimeError>("wrap_bio() returned an object without a connection"));
    }
    Ok((Engine::Memory(Memory::new(object, bios, is_plain)?), obstacle))
}
