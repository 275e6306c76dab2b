//! The values of `get_extra_info()`: those of TLS, and of the transport below.
//!
//! What the `ssl.SSLObject` knows is asked when somebody wants it: most servers never do.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::state::Tls;
use crate::ffi::make;
use crate::ffi::this::{Borrowed, This};
use crate::name;

/// Implements `transport.get_extra_info(name, default)`.
pub(super) fn extra<'py>(
    tls: This<'py, Tls>,
    name: Borrowed<'py>,
    default: Option<Borrowed<'py>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = tls.py();
    if let Ok(text) = name.cast::<PyString>()
        && let Some(value) = own(tls, &text.to_cow()?)?
    {
        return Ok(value);
    }
    let default = default.map_or_else(|| py.None().into_bound(py), |default| default.to_owned());
    match tls.below(py) {
        Some(below) => below.object().bind(py).call_method1(name!("get_extra_info"), (name, default)),
        None => Ok(default),
    }
}

/// Returns a value of TLS. The handshake decides on all but the context.
fn own<'py>(tls: This<'py, Tls>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = tls.py();
    if name == "sslcontext" {
        return Ok(tls.objects(py).map(|[context, _]| context));
    }
    let (is_agreed, known) =
        tls.inner.with(py, |inner| (inner.is_agreed, inner.extra.as_ref().map(|known| known.clone_ref(py))));
    if !is_agreed {
        return Ok(None);
    }
    let Some([_, ssl_object]) = tls.objects(py) else { return Ok(None) };
    let method = match name {
        "ssl_object" => return Ok(Some(ssl_object)),
        "peercert" => name!("getpeercert"),
        "cipher" => name!("cipher"),
        "compression" => name!("compression"),
        _ => return Ok(None),
    };
    if let Some(known) = &known
        && let Some(value) = known.bind(py).get_item(method)?
    {
        return Ok(Some(value));
    }
    let value = match ssl_object.call_method0(method) {
        Ok(value) => value,
        // After a fatal error OpenSSL does not know its peer any more.
        Err(error) if error.is_instance_of::<PyValueError>(py) => return Ok(None),
        Err(error) => return Err(error),
    };
    let known = match known {
        Some(known) => known.into_bound(py),
        None => keep(tls)?,
    };
    known.set_item(method, &value)?;
    Ok(Some(value))
}

/// Returns the dict of known values, created at the first request.
fn keep(tls: This<'_, Tls>) -> PyResult<Bound<'_, PyDict>> {
    let fresh = make::dict(tls.py())?;
    let copy = fresh.clone().into();
    let before = tls.inner.with(tls.py(), |inner| inner.extra.replace(copy));
    drop(before);
    Ok(fresh)
}
