//! The head of a request of HTTP/2 (RFC 9113 sections 8.2 and 8.3), with the rules of HTTP/1.1 for what both have.
//!
//! | Part                                            | Otherwise  | Section of RFC 9113 |
//! |-------------------------------------------------|------------|---------------------|
//! | names are tokens in lower case                  | 400        | 8.2.1               |
//! | values have no white space around them          | 400        | 8.2.1               |
//! | no field of a connection; `te` says `trailers`  | 400        | 8.2.2               |
//! | several `cookie` fields are one                 |            | 8.2.3               |
//! | `:path` is a path, or `*` with OPTIONS          | 400        | 8.3.1               |
//! | `:authority` is the host, and Host says no other| 400        | 8.3.1               |
//! | CONNECT has an authority only                   | 400        | 8.5                 |
//!
//! The head is written into one buffer, the request line first. Frames and their compression are not known here.

use crate::bytes::{self, TOKEN};
use crate::error::{RemoteProtocolError, RemoteProtocolErrorKind};
use crate::fields::{Fields, Place, Span, TOO_MANY, lists};
use crate::framing::{Framing, Seen};
use crate::head::{EMPTY_HOST, Head, LONG_METHOD, NO_HOST, Notes, TWO_HOSTS, Version};
use crate::limits::{Limits, SECTION_BYTES_AT_MOST};
use crate::target::{self, TargetForm};

const BAD_METHOD: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed method (RFC 9110 section 9.1)");
const BAD_PATH: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed or missing :path (RFC 9113 section 8.3.1)");
const BAD_CONNECT: RemoteProtocolError =
    RemoteProtocolError::malformed("CONNECT without host and port (RFC 9113 section 8.5)");
const BAD_NAME: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed field name (RFC 9113 section 8.2.1)");
const BAD_VALUE: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed field value (RFC 9113 section 8.2.1)");
const OTHER_HOST: RemoteProtocolError =
    RemoteProtocolError::malformed("a Host other than :authority (RFC 9113 section 8.3.1)");
const OF_A_CONNECTION: RemoteProtocolError =
    RemoteProtocolError::malformed("a field of a connection (RFC 9113 section 8.2.2)");
const NO_CONTENT: RemoteProtocolError =
    RemoteProtocolError::malformed("a Content-Length without content (RFC 9113 section 8.1.1)");
const LONG_TARGET: RemoteProtocolError = RemoteProtocolError::new(
    RemoteProtocolErrorKind::TargetTooLong,
    "the target is too long (RFC 9110 section 15.5.15)",
);
const TOO_LARGE: RemoteProtocolError = RemoteProtocolError::new(
    RemoteProtocolErrorKind::FieldsTooLarge,
    "the fields are too large (RFC 6585 section 5)",
);

/// What follows the target in the request line.
const VERSION: &[u8] = b" HTTP/2";
/// What a field has in addition to its name and value where it is counted, as in HTTP/1.1.
const LINE_BYTES: usize = ": \r\n".len();

/// The length of a field of browsers, on average.
const USUAL_FIELD_BYTES: usize = 40;

/// The pseudo-header fields of a request (RFC 9113 section 8.3.1), without `:scheme`, and whether content follows them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Http2Request<'a> {
    /// `:method`.
    pub method: &'a [u8],
    /// `:path`; empty if there is none, as with CONNECT.
    pub path: &'a [u8],
    /// `:authority`; `None` if there is none.
    pub authority: Option<&'a [u8]>,
    /// Whether there is a `:protocol`: an extended CONNECT (RFC 8441 section 4), which has a path as other methods have.
    pub has_protocol: bool,
    /// Whether the stream ends with the head.
    pub is_whole: bool,
}

impl Head {
    /// Returns the head of a request of HTTP/2. `:authority` is its first field, `host`; several `cookie` fields become
    /// one. The framing of content without a length is [`Chunked`](Framing::Chunked), and a request for a tunnel has no
    /// content.
    ///
    /// ```
    /// let request = http::Http2Request {
    ///     method: b"GET",
    ///     path: b"/where?q=now",
    ///     authority: Some(b"a.example"),
    ///     is_whole: true,
    ///     ..http::Http2Request::default()
    /// };
    /// let fields = [(&b"cookie"[..], &b"a=b"[..]), (b"cookie", b"c=d")];
    /// let head = http::Head::of_http2(request, fields, &http::Limits::UNLIMITED).expect("a valid head");
    /// assert_eq!((head.line(), head.path(), head.query()), (&b"GET /where?q=now HTTP/2"[..], &b"/where"[..], &b"q=now"[..]));
    /// assert_eq!(head.fields().value_of(b"host"), Some(&b"a.example"[..]));
    /// assert_eq!(head.fields().value_of(b"cookie"), Some(&b"a=b; c=d"[..]));
    /// ```
    ///
    /// # Errors
    ///
    /// The request breaks a rule or exceeds a limit.
    #[inline]
    pub fn of_http2<'a>(
        request: Http2Request<'a>,
        fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        limits: &Limits,
    ) -> Result<Self, RemoteProtocolError> {
        let mut head = Self { version: Version::Http2, fields: Fields::from_pool(), ..Self::default() };
        head.read_http2(request, fields, limits).map(|()| head)
    }

    /// Leaves the buffers to another head of HTTP/2 on the thread.
    #[inline]
    pub fn release(self) {
        self.fields.into_pool();
    }

    #[inline]
    fn read_http2<'a>(
        &mut self,
        request: Http2Request<'a>,
        fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        limits: &Limits,
    ) -> Result<(), RemoteProtocolError> {
        self.write_line(request, limits)?;
        self.notes = Notes::default();
        if let Some(authority) = request.authority {
            self.put(b"host", authority);
            self.notes.hosts = 1;
        }
        let mut reading =
            Reading { seen: Seen::default(), cookie: None, has_authority: request.authority.is_some() };
        let most = limits.head_bytes.min(SECTION_BYTES_AT_MOST);
        let fields = fields.into_iter();
        let count = fields.size_hint().0;
        self.fields.places.reserve(count);
        self.fields.bytes.reserve(count * USUAL_FIELD_BYTES);
        for (name, value) in fields {
            self.read_field(name, value, &mut reading)?;
            if self.fields.places.len() > limits.fields {
                return Err(TOO_MANY);
            }
            if self.fields.bytes.len() + self.fields.places.len() * LINE_BYTES > most {
                return Err(TOO_LARGE);
            }
        }
        self.check_host()?;
        self.framing = self.decide_framing(request, &reading.seen, limits)?;
        Ok(())
    }

    /// Writes the request line, and notes the parts of the target.
    #[inline]
    fn write_line(&mut self, request: Http2Request<'_>, limits: &Limits) -> Result<(), RemoteProtocolError> {
        let method = request.method;
        if method.len() > limits.method_bytes {
            return Err(LONG_METHOD);
        }
        if !matches!(method, b"GET" | b"POST") && !bytes::is_token(method) {
            return Err(BAD_METHOD);
        }
        let is_tunnel = method == b"CONNECT" && !request.has_protocol;
        let target = if is_tunnel { request.authority.unwrap_or_default() } else { request.path };
        if method.len() + 1 + target.len() + VERSION.len()
            > limits.request_line_bytes.min(SECTION_BYTES_AT_MOST)
        {
            return Err(LONG_TARGET);
        }
        let parts = match target {
            _ if is_tunnel && !request.path.is_empty() => return Err(BAD_PATH),
            _ if is_tunnel => target::parts_of(method, target).map_err(|_| BAD_CONNECT)?,
            [b'/', ..] => target::path_of(target).map_err(|_| BAD_PATH)?,
            b"*" if method == b"OPTIONS" => target::parts_of(method, target)?,
            _ => return Err(BAD_PATH),
        };
        let base = method.len() + 1;
        let authority = request.authority.map_or(0, <[u8]>::len);
        self.fields.bytes.reserve(base + target.len() + VERSION.len() + "host".len() + authority);
        for piece in [method, b" ", target, VERSION] {
            self.fields.bytes.extend_from_slice(piece);
        }
        self.form = parts.form;
        self.method = Span::new(0, method.len());
        self.target = Span::new(base, base + target.len());
        self.path = Span::new(base + parts.path.0, base + parts.path.1);
        self.query = Span::new(base + parts.query, base + target.len());
        Ok(())
    }

    /// Checks a field, notes what it says and takes it over.
    #[inline]
    fn read_field(
        &mut self,
        name: &[u8],
        value: &[u8],
        reading: &mut Reading,
    ) -> Result<(), RemoteProtocolError> {
        if !is_lower_token(name) {
            return Err(BAD_NAME);
        }
        if !bytes::is_value(value) || is_padded(value) {
            return Err(BAD_VALUE);
        }
        // Only a few lengths need a closer look.
        let is_kept = match name.len() {
            2 | 4 | 6 | 7 | 10 | 14 | 16 | 17 => self.note(name, value, reading)?,
            _ => true,
        };
        if is_kept {
            self.put(name, value);
        }
        Ok(())
    }

    /// Notes a field that may mean something here. Returns whether it is taken over as it is.
    fn note(
        &mut self,
        name: &[u8],
        value: &[u8],
        reading: &mut Reading,
    ) -> Result<bool, RemoteProtocolError> {
        match name {
            b"host" if reading.has_authority => return self.compare_host(value).map(|()| false),
            b"host" => {
                self.notes.host = self.fields.places.len();
                self.notes.hosts += 1;
            }
            b"cookie" => match reading.cookie {
                Some(first) => {
                    self.join(first, value);
                    return Ok(false);
                }
                None => reading.cookie = Some(self.fields.places.len()),
            },
            b"content-length" => reading.seen.content_length(value),
            b"expect" => self.notes.expects_continue |= lists(value, b"100-continue"),
            b"te" if value == b"trailers" => {}
            b"te" | b"connection" | b"upgrade" | b"keep-alive" | b"proxy-connection"
            | b"transfer-encoding" => {
                return Err(OF_A_CONNECTION);
            }
            _ => {}
        }
        Ok(true)
    }

    /// Takes a field over.
    #[inline]
    fn put(&mut self, name: &[u8], value: &[u8]) {
        let bytes = &mut self.fields.bytes;
        let start = bytes.len();
        bytes.extend_from_slice(name);
        let middle = bytes.len();
        bytes.extend_from_slice(value);
        let place = Place { name: Span::new(start, middle), value: Span::new(middle, bytes.len()) };
        self.fields.places.push(place);
    }

    /// Adds a further cookie to the first one. A value that other fields follow is written again behind them.
    fn join(&mut self, first: usize, cookie: &[u8]) {
        let Some(place) = self.fields.places.get_mut(first) else { return };
        let bytes = &mut self.fields.bytes;
        let (mut start, end) = (place.value.start(), place.value.end());
        if end != bytes.len() {
            let moved = bytes.len();
            bytes.extend_from_within(start..end);
            start = moved;
        }
        bytes.extend_from_slice(b"; ");
        bytes.extend_from_slice(cookie);
        place.value = Span::new(start, bytes.len());
    }

    /// Checks a Host beside an authority: it says the same, and is left out.
    fn compare_host(&mut self, host: &[u8]) -> Result<(), RemoteProtocolError> {
        self.notes.hosts += 1;
        let authority =
            self.fields.places.first().map_or(&[][..], |place| place.value.of(&self.fields.bytes));
        match self.notes.hosts {
            2 if authority.eq_ignore_ascii_case(host) => Ok(()),
            2 => Err(OTHER_HOST),
            _ => Err(TWO_HOSTS),
        }
    }

    /// Checks the host, of which there is exactly one. It is not empty: the schemes of HTTP require one (RFC 9110 section
    /// 4.2).
    #[inline]
    fn check_host(&self) -> Result<(), RemoteProtocolError> {
        let place = match (self.notes.hosts, self.fields.places.get(self.notes.host)) {
            (1, Some(place)) => place,
            // An authority and the same Host.
            (2, Some(place)) if self.notes.host == 0 => place,
            (0, _) | (_, None) => return Err(NO_HOST),
            _ => return Err(TWO_HOSTS),
        };
        let host = place.value.of(&self.fields.bytes);
        target::check_host(host)?;
        if matches!(host, [] | [b':', ..]) { Err(EMPTY_HOST) } else { Ok(()) }
    }

    #[inline]
    fn decide_framing(
        &self,
        request: Http2Request<'_>,
        seen: &Seen,
        limits: &Limits,
    ) -> Result<Framing, RemoteProtocolError> {
        let told = seen.decide(false, limits.body_bytes)?;
        match told {
            // What follows is not content (RFC 9110 section 9.3.6, RFC 8441 section 5).
            _ if request.has_protocol || self.form == TargetForm::Authority => Ok(Framing::Length(0)),
            Framing::Length(1..) if request.is_whole => Err(NO_CONTENT),
            Framing::Length(0) if !request.is_whole && !seen.has_length() => Ok(Framing::Chunked),
            told => Ok(told),
        }
    }
}

/// What is noted while fields are read.
struct Reading {
    seen: Seen,
    /// The index of the first cookie.
    cookie: Option<usize>,
    has_authority: bool,
}

/// Returns whether a name is a token in lower case.
#[inline]
fn is_lower_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| bytes::is(*byte, TOKEN) && !byte.is_ascii_uppercase())
}

/// Returns whether there is white space around a value.
#[inline]
fn is_padded(value: &[u8]) -> bool {
    matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t'])
}
