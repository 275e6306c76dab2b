//! The table of names: attributes, methods, modules, keywords and keys. They are interned when the module is imported.
//!
//! [`name!`](crate::name) looks a name up at compile time; a name that the table does not have does not compile.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Sorted by their bytes.
pub(super) const TEXTS: [&str; 287] = [
    "1.0",
    "Comment",
    "DEBUG_STACK_DEPTH",
    "Element",
    "Error on transport creation for incoming connection",
    "FALLBACK",
    "Future",
    "GET",
    "HTTPError",
    "MemoryBIO",
    "OPENSSL_VERSION",
    "ProcessingInstruction",
    "QName",
    "Response",
    "SSLError",
    "SSLObject",
    "SSLSyscallError",
    "SSLWantReadError",
    "SSLZeroReturnError",
    "SubElement",
    "TRY_NATIVE",
    "Task",
    "TimeoutError",
    "UUID",
    "_SSLContext",
    "_SSLSocket",
    "_ThreadSafeHandle",
    "__await__",
    "__basicsize__",
    "__code__",
    "__context__",
    "__file__",
    "__module__",
    "__name__",
    "__new__",
    "__qualname__",
    "__repr__",
    "__subclasses__",
    "_ask_protocol",
    "_asyncgen_finalizer_hook",
    "_asyncgen_firstiter_hook",
    "_asyncio",
    "_asyncio_future_blocking",
    "_attach",
    "_begin",
    "_buffer",
    "_call_connection_lost",
    "_cancelled",
    "_check_callback",
    "_check_handshake_timeout",
    "_check_running",
    "_check_shutdown_timeout",
    "_check_thread",
    "_coroutine_origin_tracking_enabled",
    "_coroutine_origin_tracking_saved_depth",
    "_create_connection",
    "_deliver_held",
    "_detach",
    "_ensure_fd_no_transport",
    "_eof",
    "_force_close",
    "_fut_waiter",
    "_limit",
    "_msg_callback",
    "_namespace_map",
    "_process_self_data",
    "_repr_info",
    "_resume",
    "_resume_delivery",
    "_resume_input",
    "_run",
    "_run_forever_cleanup",
    "_run_forever_setup",
    "_run_once",
    "_sendfile_compatible",
    "_set_running_loop",
    "_signal_handlers",
    "_socket",
    "_sockets",
    "_ssl",
    "_ssl_protocol",
    "_sslobj",
    "_start_tls_compatible",
    "_stream_reader_wr",
    "_tick",
    "_transport",
    "_turn_ends",
    "_waiter",
    "_wakeup",
    "_wakeup_waiter",
    "_write_log",
    "abort",
    "accept",
    "access",
    "add_done_callback",
    "after_in_child",
    "as_coroutine_function",
    "asgi",
    "asyncio.base_events",
    "asyncio.constants",
    "asyncio.events",
    "asyncio.exceptions",
    "asyncio.futures",
    "asyncio.tasks",
    "asyncio.unix_events",
    "body",
    "buffer_updated",
    "bytes",
    "call_exception_handler",
    "call_later",
    "call_soon",
    "call_soon_threadsafe",
    "can_write_eof",
    "cancel",
    "cancelled",
    "cipher",
    "client",
    "close",
    "close_inherited",
    "co_argcount",
    "code",
    "compression",
    "connect",
    "connection_begun",
    "connection_ended",
    "connection_lost",
    "connection_made",
    "context",
    "converters",
    "copy",
    "create_future",
    "create_task",
    "data_received",
    "datagram_received",
    "decode",
    "detach",
    "do_handshake",
    "done",
    "eager_start",
    "eager_task_factory",
    "eof_received",
    "error",
    "error_received",
    "exception",
    "extensions",
    "family",
    "feed_data",
    "fileno",
    "flags",
    "fragment",
    "get",
    "get_asyncgen_hooks",
    "get_buffer",
    "get_coroutine_origin_tracking_depth",
    "get_extra_info",
    "get_protocol",
    "get_write_buffer_size",
    "getaddrinfo",
    "getnameinfo",
    "getpeercert",
    "getroot",
    "gettimeout",
    "headers",
    "host",
    "http.disconnect",
    "http.request",
    "http_version",
    "https",
    "is_closing",
    "items",
    "json_encode",
    "links",
    "loop",
    "make",
    "message",
    "method",
    "more_body",
    "more_trailers",
    "on_body",
    "on_chunk_complete",
    "on_chunk_header",
    "on_header",
    "on_headers_complete",
    "on_message_begin",
    "on_message_complete",
    "on_status",
    "on_url",
    "os",
    "parse",
    "path",
    "path_params",
    "pause_reading",
    "pause_writing",
    "peername",
    "pending",
    "poller",
    "port",
    "profile",
    "proto",
    "protocol",
    "prototype",
    "query",
    "query_string",
    "raw_headers",
    "raw_path",
    "read",
    "reason",
    "recv_into",
    "recvfrom",
    "recvfrom_into",
    "refused",
    "register_at_fork",
    "release",
    "result",
    "resume_reading",
    "resume_writing",
    "root_path",
    "run",
    "run_in_executor",
    "schema",
    "scheme",
    "send",
    "send_file",
    "sendfile",
    "sendto",
    "server",
    "set_asyncgen_hooks",
    "set_coroutine_origin_tracking_depth",
    "set_exception",
    "set_result",
    "set_wakeup_fd",
    "setblocking",
    "setsockopt",
    "shutdown",
    "signal",
    "slow_callback_duration",
    "socket",
    "sockname",
    "ssl",
    "ssl_object",
    "sslcontext",
    "start",
    "state",
    "status",
    "submit",
    "subprotocol",
    "subprotocols",
    "sys",
    "tag",
    "tail",
    "task_begun",
    "task_ended",
    "text",
    "time",
    "tls",
    "tls_extension",
    "tobytes",
    "trailers",
    "transport",
    "type",
    "unexpected_end",
    "unwrap",
    "upgrade",
    "userinfo",
    "uuid",
    "values",
    "verify_code",
    "version",
    "vitok._names",
    "vitok.http.application",
    "vitok.http.files",
    "vitok.http.native.errors",
    "vitok.http.native.responses",
    "vitok.http.scope",
    "warning",
    "websocket.connect",
    "websocket.disconnect",
    "websocket.receive",
    "websocket_answered",
    "websocket_begun",
    "websocket_failed",
    "websocket_prototype",
    "with_traceback",
    "write",
    "write_eof",
    "wss",
    "xml.etree.ElementTree",
];

#[expect(clippy::declare_interior_mutable_const, reason = "each place of the array is a new one")]
const UNSET: Name = Name::new();
pub(crate) static NAMES: [Name; TEXTS.len()] = [UNSET; TEXTS.len()];

/// An interned string that lives as long as the process. [`name!`](crate::name) returns one.
pub(crate) struct Name(pub(super) OnceLock<Py<PyString>>);

impl Name {
    const fn new() -> Self {
        Self(OnceLock::new())
    }
}

impl Deref for Name {
    type Target = Py<PyString>;

    #[inline(always)]
    #[expect(
        clippy::expect_used,
        reason = "`ffi::name::load` is among the first calls of the module's initialisation"
    )]
    fn deref(&self) -> &Py<PyString> {
        self.0.get().expect("the module makes all names before anything of it can be called")
    }
}

impl<'a, 'py> IntoPyObject<'py> for &'a Name {
    type Target = PyString;
    type Output = Borrowed<'a, 'py, PyString>;
    type Error = Infallible;

    #[inline(always)]
    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Infallible> {
        Ok(self.bind_borrowed(py))
    }
}

/// Returns the index of a text in [`NAMES`], for [`name!`](crate::name), which calls it at compile time.
///
/// # Panics
/// The table does not have the text.
pub(crate) const fn index_of(text: &str) -> usize {
    let mut index = 0;
    while index < TEXTS.len() {
        if is_same(TEXTS[index].as_bytes(), text.as_bytes()) {
            return index;
        }
        index += 1;
    }
    panic!("add this name to the table in ffi/interned.rs")
}

const fn is_same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// The [`Name`](crate::ffi::interned::Name) of a text in the table of `ffi/interned.rs`.
#[macro_export]
macro_rules! name {
    ($text:literal) => {
        &$crate::ffi::interned::NAMES[const { $crate::ffi::interned::index_of($text) }]
    };
}
