//! `vitok._native.SSLTransport` for Python: the methods of asyncio's transports, those of a protocol for the transport
//! below, and the private attributes that asyncio's own code and CPython's tests read.

use pyo3::prelude::*;

use super::below::Below;
use super::engine::Engine;
use super::methods::{methods, protocol};
use super::state::Tls;
use super::{end, native};
use crate::ffi::class::{Definition, add_constant};
use crate::ffi::constants::{none, truth};
use crate::ffi::getter::{Getter, getter, repr};
use crate::ffi::instance::{ClassValue, Subclass, Visit, one_class};
use crate::ffi::make;
use crate::ffi::openssl::Session;
use crate::ffi::this::This;
use crate::imports;
use crate::name;
use crate::stream_protocol;

/// Creates the class and adds it to the module.
pub(crate) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let base = |name| imports::class(py, "asyncio.transports", name);
    let definition = Definition {
        bases: vec![base("_FlowControlMixin")?, base("Transport")?],
        methods: methods(),
        getters: getters().into(),
        repr: Some(repr(representation)),
        ..Definition::new("SSLTransport", "TLS over another transport: asyncio.Transport, native.")
    };
    let class = definition.make(module, Tls::class())?;
    add_constant(&class, name!("_start_tls_compatible"), &truth(py, true))?;
    let modes = imports::attribute(py, "asyncio.constants", "_SendfileMode")?;
    add_constant(&class, name!("_sendfile_compatible"), &modes.getattr(name!("FALLBACK"))?)?;
    stream_protocol::register(class.as_any(), &native::PROTOCOL);
    Ok(())
}

/// Returns why the engine `direct` can't be used in this process, or None.
pub(crate) fn obstacle(py: Python<'_>) -> PyResult<Option<String>> {
    Session::obstacle(py)
}

fn getters() -> [Getter<Tls>; 10] {
    [
        getter("_loop", |tls: This<'_, Tls>| Ok(tls.owner.bind(tls.py()).clone().into_any())),
        getter("_protocol", protocol),
        getter("_ssl_protocol", |tls: This<'_, Tls>| Ok(tls.object().to_owned())),
        getter("_app_transport", |tls: This<'_, Tls>| Ok(tls.object().to_owned())),
        getter("_transport", |tls: This<'_, Tls>| {
            let below = tls.below(tls.py());
            Ok(below.map_or_else(|| none(tls.py()), |below| below.object().bind(tls.py()).clone()))
        }),
        getter("_sslobj", |tls: This<'_, Tls>| {
            Ok(tls.objects(tls.py()).map_or_else(|| none(tls.py()), |[_, ssl_object]| ssl_object))
        }),
        getter("_closed", |tls: This<'_, Tls>| {
            Ok(truth(tls.py(), tls.inner.with(tls.py(), |inner| inner.state.is_closing())))
        }),
        getter("_app_reading_paused", |tls: This<'_, Tls>| {
            Ok(truth(tls.py(), tls.inner.with(tls.py(), |inner| inner.state.is_paused())))
        }),
        getter("_protocol_paused", |tls: This<'_, Tls>| {
            Ok(truth(tls.py(), tls.inner.with(tls.py(), |inner| inner.state.writing.is_paused())))
        }),
        getter("_engine", |tls: This<'_, Tls>| {
            let engine = tls.inner.with(tls.py(), |inner| inner.engine.as_ref().map(Engine::name));
            Ok(make::text(tls.py(), engine.unwrap_or("in use"))?.into_any())
        }),
    ]
}

fn representation(tls: This<'_, Tls>) -> PyResult<Bound<'_, PyAny>> {
    let py = tls.py();
    let phase = format!("{:?}", tls.phase(py)).to_lowercase();
    let below = match tls.below(py) {
        Some(below) => format!(" over {}", below.object().bind(py).repr()?),
        None => String::new(),
    };
    Ok(make::text(py, &format!("<SSLTransport {phase}{below}>"))?.into_any())
}

impl ClassValue for Tls {
    type Head = Subclass;

    const FINALIZE: Option<fn(This<'_, Self>) -> PyResult<()>> = Some(end::finalize);

    one_class!(Tls);

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.owner);
        self.inner.peek(|inner| {
            if let Some(engine) = &inner.engine {
                engine.visit(visit);
            }
            match &inner.below {
                Some(Below::Stream(object)) => visit.object(object),
                Some(Below::Foreign(object)) => visit.object(object),
                None => {}
            }
            if let Some(objects) = &inner.objects {
                visit.object(&objects.context);
                visit.object(&objects.ssl_object);
            }
            visit.maybe(inner.protocol.as_ref());
            visit.maybe(inner.waiter.as_ref());
            visit.maybe(inner.timer.as_ref());
            visit.maybe(inner.extra.as_ref());
        });
    }

    fn clear(&self, py: Python<'_>) {
        let released = self.inner.with(py, |inner| {
            let objects = (inner.protocol.take(), inner.waiter.take(), inner.timer.take());
            (objects, inner.below.take(), inner.extra.take())
        });
        drop(released);
    }
}
