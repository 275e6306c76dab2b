//! The events that a connection makes of the bytes it is given.

use crate::fields::Fields;
use crate::head::Head;

/// The next thing in the input. A request is one `Request`, any number of `Body` and one `End`; then the response is
/// due.
///
/// An event borrows from the input or from the connection. Copy what you need of it before you use the connection
/// again.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A request begins. A response is owed from here on, and may be sent before the request has ended.
    Request(&'a Head),
    /// Some of the content, at least one byte. How it is divided follows the input and has no meaning.
    Body(&'a [u8]),
    /// The request is complete.
    End {
        /// The fields after the content; only chunked content has any (RFC 9110 section 6.5).
        trailers: &'a Fields,
    },
    /// Bytes that are not HTTP, after a successful CONNECT. Bytes that arrived with the head are among them.
    Tunnel(&'a [u8]),
    /// The input is used up; more is needed.
    NeedInput,
    /// The request is complete and its response is not. Bytes after the request are kept as far as there is room; the
    /// caller keeps whatever is left in the input and should stop reading.
    Paused,
    /// No further event comes: close the connection once everything written is sent.
    Closed,
}
