//! How much of everything a peer may send before it is refused.
//!
//! What others chose is named beside each number, as their documentation had it in 2026. The limits are on bytes and
//! counts; how long a peer may take is the server's business, which has a clock.

/// The most fields that any head may have: they are found in one array on the stack.
pub(crate) const FIELDS_AT_MOST: usize = 256;

/// The longest head and trailer section that positions of 32 bits and a sane server have room for.
pub(crate) const SECTION_BYTES_AT_MOST: usize = 16 * 1024 * 1024;

/// How much a peer may send.
///
/// ```
/// let limits = http::Limits { body_bytes: 1024, ..http::Limits::default() };
/// assert_eq!(limits.fields, 100);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The request line, without its line end: 8 KiB, else 414. RFC 9112 section 3 asks for 8000 at least; Apache 8190,
    /// nginx 8 KiB, gunicorn 4094.
    pub request_line_bytes: usize,
    /// The request line and all header fields, with their line ends: 64 KiB, else 431. uvicorn 64 KiB, Node 16 KiB,
    /// nginx 32 KiB, Go 1 MiB. At most 16 MiB.
    pub head_bytes: usize,
    /// Header fields, and trailer fields, each: 100, else 431. Apache, gunicorn and hyper 100. At most 256.
    pub fields: usize,
    /// The method: 32, else 501. The longest registered one (`UPDATEREDIRECTREF`) has 17.
    pub method_bytes: usize,
    /// The content of one request: 1 GiB, else 413. It bounds no memory here, since content is handed on as it comes;
    /// it is there against a request without end. Apache 1 GiB, nginx 1 MiB, uvicorn none.
    pub body_bytes: u64,
    /// What one chunk may add to its size in extensions, which nobody uses: 256 bytes, else 400.
    pub chunk_extension_bytes: usize,
    /// The extensions of all chunks of one request: 16 KiB, else 400, as hyper has it.
    pub chunk_extensions_bytes: usize,
    /// The trailer section: 16 KiB, else 431. Node and hyper count it as they count the head.
    pub trailer_bytes: usize,
    /// What is kept of pipelined requests while one is answered: 256 KiB, one large read. More is not taken, and the
    /// caller stops reading. Go keeps 4 KiB, uvicorn whatever one read brought.
    pub backlog_bytes: usize,
    /// What is read and thrown away of a request whose answer is complete, to keep its connection: 64 KiB, else the
    /// connection closes. Go 256 KiB, nginx until a time is over.
    pub drain_bytes: u64,
}

impl Limits {
    /// The same, with what cannot be had brought down to what can.
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
