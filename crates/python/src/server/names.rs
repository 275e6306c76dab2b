//! Strings and bytes that every request needs, made once.

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString};

use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;

/// Header fields that clients and proxies send, which are not made anew for each request.
const FIELDS: [&str; 46] = [
    "host",
    "accept",
    "cookie",
    "origin",
    "referer",
    "range",
    "te",
    "via",
    "date",
    "dnt",
    "connection",
    "user-agent",
    "accept-encoding",
    "accept-language",
    "accept-charset",
    "authorization",
    "cache-control",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "expect",
    "from",
    "forwarded",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    "keep-alive",
    "pragma",
    "upgrade",
    "upgrade-insecure-requests",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "traceparent",
    "tracestate",
];
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
/// No name in the list is longer.
const LONGEST: usize = 32;

macro_rules! words {
    ($($name:ident = $text:literal),* $(,)?) => {
        /// Interned strings.
        pub(super) struct Names {
            $(pub(super) $name: Py<PyString>,)*
            pub(super) empty_bytes: Py<PyBytes>,
            methods: Vec<(&'static [u8], Py<PyString>)>,
            fields: Vec<Vec<(&'static [u8], Py<PyBytes>)>>,
        }

        impl Names {
            fn make(py: Python<'_>) -> Result<Self, ErrorSet> {
                let mut fields: Vec<Vec<_>> = (0..=LONGEST).map(|_| Vec::new()).collect();
                for name in FIELDS {
                    fields[name.len()].push((name.as_bytes(), make::bytes(py, name.as_bytes())?.unbind()));
                }
                let method = |name: &'static str| Ok((name.as_bytes(), make::interned(py, name)?.unbind()));
                let methods: Result<_, ErrorSet> = METHODS.into_iter().map(method).collect();
                Ok(Self {
                    $($name: make::interned(py, $text)?.unbind(),)*
                    empty_bytes: make::bytes(py, b"")?.unbind(),
                    methods: methods?,
                    fields,
                })
            }
        }
    };
}

words! {
    kind = "type", asgi = "asgi", status = "status", headers = "headers", body = "body", more_body = "more_body",
    trailers = "trailers", more_trailers = "more_trailers", links = "links", path = "path", file = "file",
    offset = "offset", count = "count", method = "method", raw_path = "raw_path",
    query_string = "query_string", client = "client", server = "server", scheme = "scheme",
    http_version = "http_version", version_1_0 = "1.0", extensions = "extensions", state = "state",
    https = "https", http = "http", http_request = "http.request", http_disconnect = "http.disconnect",
    peername = "peername", sockname = "sockname", sslcontext = "sslcontext",
    get_extra_info = "get_extra_info", write = "write", close = "close", abort = "abort",
    pause_reading = "pause_reading", resume_reading = "resume_reading", write_eof = "write_eof",
    is_closing = "is_closing", can_write_eof = "can_write_eof", ssl_protocol = "_ssl_protocol",
    transport = "_transport",
    get_write_buffer_size = "get_write_buffer_size", create_future = "create_future",
    add_done_callback = "add_done_callback", done = "done", exception = "exception",
    set_result = "set_result",
    is_blocking = "_asyncio_future_blocking",
}

static NAMES: PyOnceLock<Names> = PyOnceLock::new();

/// Makes them, when the module is imported.
pub(super) fn load(py: Python<'_>) -> PyResult<()> {
    NAMES.get_or_try_init(py, || Names::make(py))?;
    Ok(())
}

/// The names that [`load`] has made.
#[inline(always)]
pub(super) fn names(py: Python<'_>) -> PyResult<&'static Names> {
    NAMES.get(py).ok_or_else(|| new_error::<PyImportError>("vitok._native was not initialised"))
}

impl Names {
    /// A request's method as a string. Methods are tokens, so they are ASCII.
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

    /// The name of a field as bytes.
    #[inline]
    pub(super) fn field<'py>(&self, py: Python<'py>, name: &[u8]) -> Result<Bound<'py, PyBytes>, ErrorSet> {
        let known = self.fields.get(name.len()).and_then(|some| some.iter().find(|known| known.0 == name));
        match known {
            Some((_, bytes)) => Ok(bytes.bind(py).clone()),
            None => make::bytes(py, name),
        }
    }
}
