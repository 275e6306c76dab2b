//! Limits on what a peer may send.
//!
//! Beside each number stand the choices of other servers, as documented in 2026. The limits are on bytes and counts;
//! times are limited by the server, which has a clock.

/// The most fields of any head: they are collected in an array on the stack.
pub(crate) const FIELDS_AT_MOST: usize = 256;

/// The longest head or trailer section: positions in it have 32 bits, and no server needs more.
pub(crate) const SECTION_BYTES_AT_MOST: usize = 16 * 1024 * 1024;

/// Limits on what a peer may send. A request beyond one is refused with the status that is named.
///
/// ```
/// let limits = http::Limits { body_bytes: 1024, ..http::Limits::default() };
/// assert_eq!(limits.fields, 100);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The request line, without its line end: 8 KiB, status 414. RFC 9112 section 3 asks for 8000 at least; Apache
    /// 8190, nginx 8 KiB, gunicorn 4094.
    pub request_line_bytes: usize,
    /// The request line and all header fields, with their line ends: 64 KiB, status 431. uvicorn 64 KiB, Node 16 KiB,
    /// nginx 32 KiB, Go 1 MiB. Values above 16 MiB count as 16 MiB.
    pub head_bytes: usize,
    /// The number of header fields, and that of trailer fields: 100, status 431. Apache, gunicorn and hyper 100. Values
    /// above 256 count as 256.
    pub fields: usize,
    /// The method: 32 bytes, status 501. The longest registered one (`UPDATEREDIRECTREF`) has 17.
    pub method_bytes: usize,
    /// The content of one request: 1 GiB, status 413. Content is passed on as it arrives, so this limits no memory
    /// here; it limits requests without an end. Apache 1 GiB, nginx 1 MiB, uvicorn none.
    pub body_bytes: u64,
    /// The extensions of one chunk, which have no use in practice: 256 bytes, status 400.
    pub chunk_extension_bytes: usize,
    /// The extensions of all chunks of one request: 16 KiB, status 400, as in hyper.
    pub chunk_extensions_bytes: usize,
    /// The trailer section: 16 KiB, status 431. Node and hyper count it as part of the head.
    pub trailer_bytes: usize,
    /// Bytes of further requests that are kept while one is answered: 256 KiB, one large read. More is not taken, and
    /// the caller stops reading. Go keeps 4 KiB, uvicorn whatever one read brought.
    pub backlog_bytes: usize,
    /// Bytes that are read and discarded of a request whose response is complete, so that the connection can be used
    /// again: 64 KiB. The connection closes if there are more. Go 256 KiB, nginx by time.
    pub drain_bytes: u64,
}

impl Limits {
    /// Returns the limits with those lowered that are above what is supported.
    pub(crate) fn clamped(mut self) -> Self {
        self.fields = self.fields.min(FIELDS_AT_MOST);
        self.head_bytes = self.head_bytes.min(SECTION_BYTES_AT_MOST);
        self.trailer_bytes = self.trailer_bytes.min(SECTION_BYTES_AT_MOST);
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_line_bytes: 8 * 1024,
            head_bytes: 64 * 1024,
            fields: 100,
            method_bytes: 32,
            body_bytes: 1024 * 1024 * 1024,
            chunk_extension_bytes: 256,
            chunk_extensions_bytes: 16 * 1024,
            trailer_bytes: 16 * 1024,
            backlog_bytes: 256 * 1024,
            drain_bytes: 64 * 1024,
        }
    }
}
