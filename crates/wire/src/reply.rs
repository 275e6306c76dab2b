//! Responses of the server's own, as values, whichever wire sends them.

/// A response of the server's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply<'a> {
    pub(crate) status: u16,
    /// Plain text.
    pub(crate) text: &'a str,
    /// What follows the text.
    pub(crate) end: &'static str,
    /// Fields that this status needs.
    pub(crate) fields: &'static [(&'static [u8], &'static [u8])],
}

/// The answer for an application that has failed.
pub(crate) const FAILURE: Reply<'_> =
    Reply { status: 500, text: "Internal Server Error\n", end: "", fields: &[] };
/// The refusal of a WebSocket by its application (ASGI, "Close - send event").
pub(crate) const FORBIDDEN: Reply<'_> = Reply { status: 403, text: "", end: "", fields: &[] };
/// The answer to CONNECT.
pub(crate) const NO_PROXY: Reply<'_> =
    Reply { status: 501, text: "this server is no proxy\n", end: "", fields: &[] };
