//! What the start line and the fields of one message say together: its framing and what follows it, or the rule that is
//! broken. Names are compared in any case, since nothing is copied.

use crate::bytes;
use crate::connection_options::ConnectionOptions;
use crate::framing::{Framing, ResponseFraming, Seen};
use crate::head::Version;
use crate::message_error::MessageError;
use crate::target::{self, TargetForm};

const NO_HOST: MessageError = MessageError::other("no Host field (RFC 9112 section 3.2)");
const TWO_HOSTS: MessageError = MessageError::other("more than one Host field (RFC 9112 section 3.2)");
const BAD_HOST: MessageError =
    MessageError::other("a malformed Host (RFC 9112 section 3.2; RFC 3986 section 3.2.2)");
const EMPTY_HOST: MessageError = MessageError::other(
    "an empty Host field, and no other authority (RFC 9112 section 3.3; RFC 9110 section 4.2.1)",
);
const CONNECT_CONTENT: MessageError = MessageError::other("CONNECT with content (RFC 9110 section 9.3.6)");
const NO_PROTOCOL: MessageError =
    MessageError::other("101 (Switching Protocols) without Upgrade (RFC 9110 section 15.2.2)");

/// What a start line says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StartLine {
    Request { method: &'static [u8], form: TargetForm },
    Response { status: u16 },
}

/// What is noted of the fields of one head.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    seen: Seen,
    options: ConnectionOptions,
    has_upgrade: bool,
    hosts: u32,
    is_host_empty: bool,
    is_host_bad: bool,
}

/// How the content of a message is delimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    Framed(Framing),
    UntilClose,
    /// What follows the head is of another protocol.
    Upgraded,
}

/// What a head says about what follows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    pub(crate) content: Content,
    /// Whether another message may follow on the connection (RFC 9112 section 9.3).
    pub(crate) keeps_alive: bool,
}

impl Rules {
    /// Notes a field.
    #[inline]
    pub(crate) fn note(&mut self, name: &[u8], value: &[u8]) {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.note_host(value),
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                self.has_upgrade |= bytes::members(value).any(|name| !name.is_empty());
            }
            10 if name.eq_ignore_ascii_case(b"connection") => self.options.note(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.seen.content_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.seen.transfer_encoding(value),
            _ => {}
        }
    }

    #[inline]
    fn note_host(&mut self, value: &[u8]) {
        self.hosts = self.hosts.saturating_add(1);
        self.is_host_empty = matches!(value, [] | [b':', ..]);
        self.is_host_bad |= target::check_host(value).is_err();
    }

    /// Decides on the message when all fields of its head are known.
    #[inline]
    pub(crate) fn decide(&self, line: StartLine, version: Version) -> Result<Outcome, MessageError> {
        let keeps_alive = !self.options.closes && (version == Version::Http11 || self.options.keeps_alive);
        let upgrades = self.options.upgrades && self.has_upgrade && version == Version::Http11;
        match line {
            StartLine::Request { method, form } => {
                self.check_host(form, version)?;
                let content = self.request_content(method, version, upgrades)?;
                Ok(Outcome { content, keeps_alive })
            }
            StartLine::Response { status } => self.decide_response(status, version, keeps_alive, upgrades),
        }
    }

    /// Checks Host: exactly one in 1.1, at most one in 1.0, and not empty with an origin-form target, whose authority
    /// it is (RFC 9112 sections 3.2, 3.2.1 and 3.3).
    fn check_host(&self, form: TargetForm, version: Version) -> Result<(), MessageError> {
        match (self.hosts, version) {
            (0, Version::Http10) => Ok(()),
            (0, Version::Http11 | Version::Http2) => Err(NO_HOST),
            (1, _) if self.is_host_bad => Err(BAD_HOST),
            (1, _) if self.is_host_empty && form == TargetForm::Origin => Err(EMPTY_HOST),
            (1, _) => Ok(()),
            _ => Err(TWO_HOSTS),
        }
    }

    fn request_content(
        &self,
        method: &[u8],
        version: Version,
        upgrades: bool,
    ) -> Result<Content, MessageError> {
        let framing = self.seen.decide(version == Version::Http10, u64::MAX - 1)?;
        match (method == b"CONNECT", framing) {
            (true, Framing::Length(0)) => Ok(Content::Upgraded),
            (true, _) => Err(CONNECT_CONTENT),
            (false, _) if upgrades => Ok(Content::Upgraded),
            (false, framing) => Ok(Content::Framed(framing)),
        }
    }

    fn decide_response(
        &self,
        status: u16,
        version: Version,
        keeps_alive: bool,
        upgrades: bool,
    ) -> Result<Outcome, MessageError> {
        let none = Content::Framed(Framing::Length(0));
        match status {
            101 if upgrades => Ok(Outcome { content: Content::Upgraded, keeps_alive }),
            101 => Err(NO_PROTOCOL),
            // The final response follows whatever an interim one says.
            100..200 => Ok(Outcome { content: none, keeps_alive: true }),
            204 | 304 => Ok(Outcome { content: none, keeps_alive }),
            _ => Ok(match self.seen.decide_response(version == Version::Http10)? {
                ResponseFraming::Length(length) => {
                    Outcome { content: Content::Framed(Framing::Length(length)), keeps_alive }
                }
                ResponseFraming::Chunked => {
                    Outcome { content: Content::Framed(Framing::Chunked), keeps_alive }
                }
                ResponseFraming::UntilClose => Outcome { content: Content::UntilClose, keeps_alive: false },
            }),
        }
    }
}
