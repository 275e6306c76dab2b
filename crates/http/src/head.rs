//! The head of a request: what its line and fields say, checked against every rule.
//!
//! httparse splits a head into its parts; this file has the rules. It parses heads that are there as a whole; `read.rs`
//! waits for the rest of others.

use std::mem::MaybeUninit;

use crate::bytes::{self, TOKEN};
use crate::connection_options::ConnectionOptions;
use crate::error::{RemoteProtocolError, RemoteProtocolErrorKind};
use crate::fields::{Fields, Slots, Span, lists, refusal_of};
use crate::framing::{Framing, Seen};
use crate::limits::{FIELDS_AT_MOST, Limits};
use crate::target::{self, TargetForm};

const BAD_LINE: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed request line (RFC 9112 section 3)");
const BAD_VERSION: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed version (RFC 9112 section 2.3)");
const OTHER_VERSION: RemoteProtocolError = RemoteProtocolError::new(
    RemoteProtocolErrorKind::UnsupportedVersion,
    "a major version other than 1 (RFC 9110 section 2.5)",
);
pub(crate) const LONG_METHOD: RemoteProtocolError = RemoteProtocolError::new(
    RemoteProtocolErrorKind::NotImplemented,
    "the method is too long (RFC 9112 section 3)",
);
pub(crate) const NO_HOST: RemoteProtocolError =
    RemoteProtocolError::malformed("no Host field (RFC 9112 section 3.2)");
pub(crate) const EMPTY_HOST: RemoteProtocolError = RemoteProtocolError::malformed(
    "an empty Host field, and no other authority (RFC 9112 section 3.3; RFC 9110 section 4.2.1)",
);
pub(crate) const TWO_HOSTS: RemoteProtocolError =
    RemoteProtocolError::malformed("more than one Host field (RFC 9112 section 3.2)");
const CONNECT_CONTENT: RemoteProtocolError =
    RemoteProtocolError::malformed("CONNECT with content (RFC 9110 section 9.3.6)");

/// The version of a request, as far as it matters here: a higher minor version counts as 1.1 (RFC 9110 section 2.5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Version {
    /// HTTP/1.0: one request per connection unless `keep-alive` is asked for, and no chunks.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2 (RFC 9113).
    Http2,
}

impl Version {
    /// Returns the name of the version as in a request line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// The head of a request.
///
/// ```
/// let mut connection = http::Connection::new(http::Limits::UNLIMITED);
/// let mut input = &b"GET /where?q=now HTTP/1.1\r\nHost: a.example\r\n\r\n"[..];
/// let Ok(http::Event::Request(head)) = connection.receive(&mut input) else { panic!("a request") };
/// assert_eq!((head.method(), head.path(), head.query()), (&b"GET"[..], &b"/where"[..], &b"q=now"[..]));
/// assert_eq!((head.line(), head.framing()), (&b"GET /where?q=now HTTP/1.1"[..], http::Framing::Length(0)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Head {
    pub(crate) fields: Fields,
    pub(crate) method: Span,
    pub(crate) target: Span,
    pub(crate) path: Span,
    pub(crate) query: Span,
    pub(crate) form: TargetForm,
    pub(crate) version: Version,
    pub(crate) framing: Framing,
    pub(crate) notes: Notes,
}

/// What the fields say, apart from the length of the content.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Notes {
    /// The index of the first Host field, and the number of Host fields.
    pub(crate) host: usize,
    pub(crate) hosts: u32,
    options: ConnectionOptions,
    /// Whether there is an Upgrade field that is not empty.
    has_upgrade: bool,
    pub(crate) expects_continue: bool,
    takes_trailers: bool,
}

impl Head {
    /// The method, as it was sent: methods are case-sensitive (RFC 9110 section 9.1).
    #[must_use]
    pub fn method(&self) -> &[u8] {
        self.method.of(&self.fields.bytes)
    }

    /// The whole target, as it was sent.
    #[must_use]
    pub fn target(&self) -> &[u8] {
        self.target.of(&self.fields.bytes)
    }

    /// The request line without its end, as it was sent: method, target and version, with single spaces between them. Of
    /// the versions 1.2 to 1.9 it says 1.1. A request of HTTP/2, which has no such line, has `GET /a?b HTTP/2`.
    #[must_use]
    pub fn line(&self) -> &[u8] {
        let version = if self.version == Version::Http2 { " HTTP/2".len() } else { " HTTP/1.1".len() };
        self.fields.bytes.get(self.method.start()..self.target.end() + version).unwrap_or_default()
    }

    /// The form of the target.
    #[must_use]
    pub fn target_form(&self) -> TargetForm {
        self.form
    }

    /// The path, as it was sent, without the query: `*` in asterisk form, empty in authority form and possibly in
    /// absolute form.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        self.path.of(&self.fields.bytes)
    }

    /// The query: what follows the first question mark.
    #[must_use]
    pub fn query(&self) -> &[u8] {
        self.query.of(&self.fields.bytes)
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The header fields.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The framing of the content. With `Length(0)` there is none, and the next event is the end of the request.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether the client waits for 100 (Continue) before it sends the content (RFC 9110 section 10.1.1).
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.notes.expects_continue && self.version != Version::Http10 && self.framing != Framing::Length(0)
    }

    /// Whether the client accepts trailers (RFC 9110 section 10.1.4). Those of HTTP/2 have a frame of their own, which
    /// every client can read (RFC 9113 section 8.1).
    #[must_use]
    pub fn takes_trailers(&self) -> bool {
        self.notes.takes_trailers || self.version == Version::Http2
    }

    /// The protocols that the client wants to switch to, as listed in the first Upgrade field. The result is `None`
    /// where the field has no effect: in 1.0, and without `Connection: upgrade` (RFC 9110 section 7.8).
    #[must_use]
    pub fn upgrade(&self) -> Option<&[u8]> {
        let counts = self.notes.options.upgrades && self.notes.has_upgrade && self.version == Version::Http11;
        if counts { self.fields.value_of(b"upgrade") } else { None }
    }

    /// Whether the client wants to use the connection again (RFC 9112 section 9.3).
    #[must_use]
    pub fn keeps_alive(&self) -> bool {
        !self.notes.options.closes && (self.version != Version::Http10 || self.notes.options.keeps_alive)
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method() == b"HEAD"
    }

    pub(crate) fn is_connect(&self) -> bool {
        self.form == TargetForm::Authority
    }

    /// Reads the head at the start of `input` and returns its length, if it is there as a whole and valid. For any
    /// other, the scan finds out what is wrong or missing.
    // Not inlined, so that the array of fields takes up stack here only and not in the caller.
    #[inline(never)]
    pub(crate) fn accept(&mut self, input: &[u8], limits: &Limits) -> Option<usize> {
        let mut slots: Slots<'_> = [const { MaybeUninit::uninit() }; FIELDS_AT_MOST];
        let mut request = httparse::Request::new(&mut []);
        let length = match request.parse_with_uninit_headers(input, &mut slots[..limits.fields]) {
            Ok(httparse::Status::Complete(length)) => length,
            _ => return None,
        };
        let section = &input[..length];
        // httparse also accepts bare line feeds, and blank lines before the request.
        let method = Span::locate(request.method?.as_bytes(), section);
        if length > limits.head_bytes || !section.ends_with(b"\r\n\r\n") || method.start() != 0 {
            return None;
        }
        let first = request.headers.first().map(|field| Span::locate(field.name.as_bytes(), section).start());
        if first.unwrap_or(length - 2) - 2 > limits.request_line_bytes {
            return None;
        }
        self.fields.prepare();
        self.fields.bytes.clear();
        self.fields.bytes.extend_from_slice(section);
        self.read(&request, section, limits).ok().map(|()| length)
    }

    /// Parses the whole head in the buffer, whose lines the scan has checked, or returns what is wrong with it.
    #[cold]
    pub(crate) fn parse(&mut self, limits: &Limits) -> Result<(), RemoteProtocolError> {
        let section = std::mem::take(&mut self.fields.bytes);
        self.fields.bytes.extend_from_slice(&section);
        match self.parse_section(&section, limits) {
            Err(refusal) if refusal == OTHER_VERSION => {
                let lowered = as_1_1(section).ok_or(refusal)?;
                self.fields.bytes.clear();
                self.fields.bytes.extend_from_slice(&lowered);
                self.parse_section(&lowered, limits)
            }
            other => other,
        }
    }

    fn parse_section(&mut self, section: &[u8], limits: &Limits) -> Result<(), RemoteProtocolError> {
        let mut slots: Slots<'_> = [const { MaybeUninit::uninit() }; FIELDS_AT_MOST];
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(section, &mut slots[..limits.fields]) {
            Ok(httparse::Status::Complete(_)) => self.read(&request, section, limits),
            Ok(httparse::Status::Partial) => Err(BAD_LINE),
            Err(httparse::Error::Version) => Err(version_refusal(section)),
            Err(error) => Err(refusal_of(error, BAD_LINE)),
        }
    }

    /// Takes over what httparse found in `section`, a copy of which is in the buffer, and applies the rules.
    #[inline]
    fn read(
        &mut self,
        request: &httparse::Request<'_, '_>,
        section: &[u8],
        limits: &Limits,
    ) -> Result<(), RemoteProtocolError> {
        let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
        else {
            return Err(BAD_LINE);
        };
        if method.len() > limits.method_bytes {
            return Err(LONG_METHOD);
        }
        self.version = if minor == 0 { Version::Http10 } else { Version::Http11 };
        self.method = Span::locate(method.as_bytes(), section);
        self.target = Span::locate(target.as_bytes(), section);
        let seen = self.take_fields(request.headers, section)?;
        let authority = self.take_target_apart(method.as_bytes(), target.as_bytes())?;
        self.apply_host(authority)?;
        self.framing = seen.decide(self.version == Version::Http10, limits.body_bytes)?;
        if self.form == TargetForm::Authority && self.framing != Framing::Length(0) {
            return Err(CONNECT_CONTENT);
        }
        Ok(())
    }

    /// Takes over the fields, and notes what they say about the connection. httparse guarantees a line feed before each
    /// name.
    #[inline]
    fn take_fields(
        &mut self,
        found: &[httparse::Header<'_>],
        section: &[u8],
    ) -> Result<Seen, RemoteProtocolError> {
        let (mut notes, mut seen, mut has_plain_line_ends) = (Notes::default(), Seen::default(), true);
        self.fields.places.clear();
        self.fields.places.reserve(found.len());
        for (index, field) in found.iter().enumerate() {
            let place = self.fields.take(field, section);
            has_plain_line_ends &= section[place.name.start() - 2] == b'\r';
            match place.name.of(&self.fields.bytes) {
                b"host" => {
                    notes.host = index;
                    notes.hosts += 1;
                }
                b"connection" => notes.options.note(field.value),
                b"content-length" => seen.content_length(field.value),
                b"transfer-encoding" => seen.transfer_encoding(field.value),
                b"upgrade" => notes.has_upgrade = bytes::members(field.value).any(|name| !name.is_empty()),
                b"expect" => notes.expects_continue |= lists(field.value, b"100-continue"),
                b"te" => notes.takes_trailers |= lists(field.value, b"trailers"),
                _ => {}
            }
        }
        self.notes = notes;
        if has_plain_line_ends { Ok(seen) } else { Err(BAD_LINE) }
    }

    /// Takes over the parts of the target, and returns the authority of an absolute form.
    #[inline]
    fn take_target_apart(
        &mut self,
        method: &[u8],
        target: &[u8],
    ) -> Result<Option<Span>, RemoteProtocolError> {
        let parts = target::parts_of(method, target)?;
        let base = self.target.start();
        self.form = parts.form;
        self.path = Span::new(base + parts.path.0, base + parts.path.1);
        self.query = Span::new(base + parts.query, base + target.len());
        let authority = Span::new(base + parts.authority.0, base + parts.authority.1);
        Ok(if parts.form == TargetForm::Absolute { Some(authority) } else { None })
    }

    /// Checks Host: exactly one in 1.1, at most one in 1.0, and not empty with an origin-form target, whose authority
    /// it is (RFC 9112 sections 3.2, 3.2.1 and 3.3). The authority of an absolute target replaces its value.
    #[inline]
    fn apply_host(&mut self, authority: Option<Span>) -> Result<(), RemoteProtocolError> {
        let place = match (self.notes.hosts, self.version) {
            (1, _) => &mut self.fields.places[self.notes.host],
            (0, Version::Http10) => return Ok(()),
            (0, Version::Http11 | Version::Http2) => return Err(NO_HOST),
            _ => return Err(TWO_HOSTS),
        };
        let host = place.value.of(&self.fields.bytes);
        target::check_host(host)?;
        match authority {
            Some(authority) => place.value = authority,
            // The http scheme requires a host.
            None if self.form == TargetForm::Origin && matches!(host, [] | [b':', ..]) => {
                return Err(EMPTY_HOST);
            }
            None => {}
        }
        Ok(())
    }
}

/// Returns the error for a version that httparse does not know: another number, or not a version at all.
fn version_refusal(section: &[u8]) -> RemoteProtocolError {
    let line = section.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let name = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    let spaces = line.iter().filter(|byte| **byte == b' ').count();
    match name {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if spaces == 2 => {
            if major.is_ascii_digit() && minor.is_ascii_digit() { OTHER_VERSION } else { BAD_VERSION }
        }
        _ => BAD_VERSION,
    }
}

/// Returns the section with a version of 1.2 to 1.9 written as 1.1, or `None` if the major version is not 1.
fn as_1_1(mut section: Vec<u8>) -> Option<Vec<u8>> {
    let end = section.iter().position(|byte| *byte == b'\r')?;
    if section.get(end - 4..end - 1)? != b"/1." || !bytes::is(section[end - 1], TOKEN) {
        return None;
    }
    section[end - 1] = b'1';
    Some(section)
}
