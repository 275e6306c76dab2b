//! What is known of a request for its record, from its head on.

use crate::noted::{self, Noted};
use crate::settings::Settings;

/// What is known of a request for its record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Record {
    /// None is made.
    None,
    /// That it ended, and how.
    Bare,
    /// Parts of its heads, too.
    Noted(Box<Noted>),
}

/// How a WebSocket is called instead of its method.
const WEBSOCKET: &[u8] = b"WebSocket";

impl Record {
    /// Returns what is recorded about a request from its head on.
    #[inline]
    pub(crate) fn of(head: &http::Head, settings: &Settings) -> Self {
        if settings.logs_requests { Self::wanted(head, settings) } else { Self::None }
    }

    /// Returns what is recorded about a request that is refused.
    pub(crate) fn of_refused(head: &http::Head, settings: &Settings) -> Self {
        if settings.logs_refusals { Self::wanted(head, settings) } else { Self::None }
    }

    fn wanted(head: &http::Head, settings: &Settings) -> Self {
        match &settings.noted {
            Some(parts) => Self::Noted(Box::new(Noted::of_head(head, parts, None))),
            None => Self::Bare,
        }
    }

    /// Returns what is recorded about a WebSocket from its handshake on.
    pub(crate) fn of_websocket(head: &http::Head, settings: &Settings) -> Self {
        match (settings.logs_requests, &settings.noted) {
            (false, _) => Self::None,
            (true, Some(parts)) => Self::Noted(Box::new(Noted::of_head(head, parts, Some(WEBSOCKET)))),
            (true, None) => Self::Bare,
        }
    }

    /// Returns what was noted, if a record is made.
    #[inline]
    pub(crate) fn wants(self) -> Option<Option<Box<Noted>>> {
        match self {
            Self::None => None,
            Self::Bare => Some(None),
            Self::Noted(noted) => Some(Some(noted)),
        }
    }

    /// Notes the head of a final response, as it is written.
    #[inline]
    pub(crate) fn note_response(&mut self, head: &[u8], settings: &Settings) {
        if let (Self::Noted(noted), Some(parts)) = (self, &settings.noted)
            && !parts.response.is_empty()
        {
            noted.add_response(|| noted::fields_of(head), parts);
        }
    }

    /// Notes the fields of a final response that is not written as text.
    #[inline]
    pub(crate) fn note_fields<'a, I: Iterator<Item = (&'a [u8], &'a [u8])>>(
        &mut self,
        fields: impl Fn() -> I,
        settings: &Settings,
    ) {
        if let (Self::Noted(noted), Some(parts)) = (self, &settings.noted)
            && !parts.response.is_empty()
        {
            noted.add_response(fields, parts);
        }
    }
}
