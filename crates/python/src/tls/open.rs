//! Creates a TLS transport.

use pyo3::prelude::*;
use stream::WriteQueue;

use super::engine::engine_for;
use super::state::{Inner, Objects, Tls};
use crate::ffi::constants::none;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::ClassValue as _;
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::stream::read_mode_of;

/// The parts of a new transport.
pub(crate) struct Parts<'py> {
    pub(crate) protocol: Bound<'py, PyAny>,
    pub(crate) context: Bound<'py, PyAny>,
    pub(crate) ssl_object: Bound<'py, PyAny>,
    pub(crate) bios: [Bound<'py, PyAny>; 2],
    pub(crate) waiter: Option<Bound<'py, PyAny>>,
    pub(crate) is_server: bool,
    /// Whether the protocol has its `connection_made` from the connection that becomes TLS.
    pub(crate) is_upgrade: bool,
    pub(crate) is_direct: bool,
    pub(crate) handshake_timeout: f64,
    pub(crate) shutdown_timeout: f64,
}

/// Creates a transport without a connection, which `connection_made` gives it. Returns why the wanted engine could not be
/// had as well, or None.
pub(crate) fn open<'py>(
    owner: &Bound<'py, EventLoop>,
    parts: Parts<'py>,
) -> Result<(Bound<'py, Tls>, Bound<'py, PyAny>), ErrorSet> {
    let read_mode = read_mode_of(owner, &parts.protocol)?;
    let (engine, obstacle) = engine_for(&parts.ssl_object, &parts.context, parts.bios, parts.is_direct)?;
    let inner = Inner {
        state: stream::Tls::new(parts.is_upgrade),
        queue: WriteQueue::new(),
        incoming: Vec::new(),
        engine: Some(engine),
        objects: Some(Objects { context: parts.context.into(), ssl_object: parts.ssl_object.into() }),
        is_done_with: false,
        below: None,
        protocol: Some(parts.protocol.into()),
        read_mode,
        waiter: parts.waiter.map(Object::from),
        timer: None,
        is_agreed: false,
        handshake_began: 0.0,
        extra: None,
        is_listed: false,
        tells_turn_end: false,
    };
    let value = Tls {
        owner: owner.clone().into(),
        is_server: parts.is_server,
        handshake_timeout: parts.handshake_timeout,
        shutdown_timeout: parts.shutdown_timeout,
        inner: GilCell::new(inner),
    };
    let opened = Tls::class().instance(owner.py(), value)?;
    let obstacle = match obstacle {
        Some(text) => make::text(owner.py(), &text)?.into_any(),
        None => none(owner.py()),
    };
    Ok((opened, obstacle))
}
