//! Limits on what a peer may send.
//!
//! The limits are on bytes and counts; times are limited by the server, which has a clock. There are no defaults here:
//! the caller has one table of them (`vitok.http.options`), with the reason for each number.

/// The most fields of any head: they are collected in an array on the stack.
pub(crate) const FIELDS_AT_MOST: usize = 256;

/// The longest head or trailer section: positions in it have 32 bits, and no server needs more.
pub(crate) const SECTION_BYTES_AT_MOST: usize = 16 * 1024 * 1024;

/// Limits on what a peer may send. A request beyond one is refused with the status that is named.
///
/// ```
/// let limits = http::Limits { body_bytes: 1024, ..http::Limits::UNLIMITED };
/// assert_eq!(limits.fields, usize::MAX);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The request line, without its line end: status 414. RFC 9112 section 3 asks for 8000 at least. Values above
    /// 16 MiB count as 16 MiB.
    pub request_line_bytes: usize,
    /// The request line and all header fields, with their line ends: status 431. Values above 16 MiB count as 16 MiB.
    pub head_bytes: usize,
    /// The number of header fields, and that of trailer fields: status 431. Values above 256 count as 256.
    pub fields: usize,
    /// The method: status 501.
    pub method_bytes: usize,
    /// The content of one request: status 413. Content is passed on as it arrives, so this limits no memory here; it
    /// limits requests without an end.
    pub body_bytes: u64,
    /// The extensions of one chunk: status 400.
    pub chunk_extension_bytes: usize,
    /// The extensions of all chunks of one request: status 400.
    pub chunk_extensions_bytes: usize,
    /// The trailer section: status 431. Values above 16 MiB count as 16 MiB.
    pub trailer_bytes: usize,
    /// Bytes of further requests that are kept while one is answered. More is not taken, and the caller stops reading.
    pub backlog_bytes: usize,
    /// Bytes that are read and discarded of a request whose response is complete, so that the connection can be used
    /// again. The connection closes if there are more.
    pub drain_bytes: u64,
}

impl Limits {
    /// No limit but those of the parser itself: for tests and examples.
    pub const UNLIMITED: Self = Self {
        request_line_bytes: usize::MAX,
        head_bytes: usize::MAX,
        fields: usize::MAX,
        method_bytes: usize::MAX,
        body_bytes: u64::MAX,
        chunk_extension_bytes: usize::MAX,
        chunk_extensions_bytes: usize::MAX,
        trailer_bytes: usize::MAX,
        backlog_bytes: usize::MAX,
        drain_bytes: u64::MAX,
    };

    /// Returns the limits with those lowered that are above what is supported.
    pub(crate) fn clamped(mut self) -> Self {
        self.request_line_bytes = self.request_line_bytes.min(SECTION_BYTES_AT_MOST);
        self.fields = self.fields.min(FIELDS_AT_MOST);
        self.head_bytes = self.head_bytes.min(SECTION_BYTES_AT_MOST);
        self.trailer_bytes = self.trailer_bytes.min(SECTION_BYTES_AT_MOST);
        self
    }
}
