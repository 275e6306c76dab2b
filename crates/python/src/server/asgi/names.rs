//! The methods of requests and the names of their fields as Python objects, created once for known ones.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::ffi::at_import::AtImport;
use crate::ffi::immortal;
use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;

/// Header fields of clients and proxies, whose names are not created again for each request.
const FIELDS: &str = "host accept cookie origin referer range te via date dnt connection user-agent accept-encoding \
    accept-language accept-charset authorization cache-control content-length content-type content-encoding \
    transfer-encoding expect from forwarded if-match if-none-match if-modified-since if-unmodified-since if-range \
    keep-alive pragma upgrade upgrade-insecure-requests x-forwarded-for x-forwarded-host x-forwarded-port \
    x-forwarded-proto x-real-ip x-request-id x-requested-with sec-fetch-dest sec-fetch-mode sec-fetch-site \
    sec-fetch-user sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform priority traceparent tracestate";
const METHODS: &str = "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH";
/// The number of places in the table of fields, a power of two.
const PLACES: usize = 128;

/// The objects of known names.
pub(super) struct Names {
    methods: Vec<(&'static [u8], Py<PyString>)>,
    /// By their [`place`].
    fields: Vec<Vec<(&'static [u8], Py<PyBytes>)>>,
}

/// They are made when the module is imported.
pub(super) static NAMES: AtImport<Names> = AtImport::new();

impl Names {
    pub(super) fn make(py: Python<'_>) -> Result<Self, ErrorSet> {
        let mut fields: Vec<Vec<_>> = (0..PLACES).map(|_| Vec::new()).collect();
        for name in FIELDS.split_ascii_whitespace() {
            fields[place(name.as_bytes())]
                .push((name.as_bytes(), immortal::bytes(py, name.as_bytes())?.unbind()));
        }
        let method = |name: &'static str| Ok((name.as_bytes(), make::interned(py, name)?.unbind()));
        let methods: Result<_, ErrorSet> = METHODS.split_ascii_whitespace().map(method).collect();
        Ok(Self { methods: methods?, fields })
    }

    /// Returns a request's method as a string. Methods are tokens, so they are ASCII.
    #[inline]
    pub(super) fn method<'py>(
        &self,
        py: Python<'py>,
        method: &[u8],
    ) -> Result<Bound<'py, PyString>, ErrorSet> {
        match self.methods.iter().find(|known| known.0 == method) {
            Some((_, string)) => Ok(string.bind(py).clone()),
            None => make::text(py, &String::from_utf8_lossy(method)),
        }
    }

    /// Returns the name of a field as bytes.
    #[inline]
    pub(super) fn field<'py>(&self, py: Python<'py>, name: &[u8]) -> Result<Bound<'py, PyBytes>, ErrorSet> {
        match self.fields[place(name)].iter().find(|known| known.0 == name) {
            Some((_, bytes)) => Ok(bytes.bind(py).clone()),
            None => make::bytes(py, name),
        }
    }
}

/// Returns the place of a field's name in the table, by its length and both ends. The factors are such that three pairs of
/// known names share a place.
#[inline]
fn place(name: &[u8]) -> usize {
    let [first, .., last] = name else { return 0 };
    (usize::from(*first) * 2 + usize::from(*last) * 6 + name.len() * 23) % PLACES
}
