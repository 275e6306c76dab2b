//! What a log needs of a request and of its response: copied as their heads pass, since neither head is kept until the
//! end of the exchange.
//!
//! Which parts those are is a setting, so that nothing else is looked up or copied. The form of a log is not known here.

/// A part of a request's head.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum HeadPart {
    /// `GET /a?b HTTP/1.1`; a WebSocket, once it has ended, has `WebSocket /a?b HTTP/1.1`.
    Line,
    /// `GET`; `WebSocket` for one that has ended.
    Method,
    /// `/a?b`.
    Target,
    /// `/a`, as it was sent.
    Path,
    /// `b`, as it was sent; empty without one.
    Query,
    /// `HTTP/1.1`.
    Protocol,
    /// The values of a field, joined by commas. The name is in lower case.
    Field(Box<[u8]>),
}

/// Which parts of heads are copied.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NotedParts {
    /// Parts of the request.
    pub request: Vec<HeadPart>,
    /// Names of fields of the response, in lower case.
    pub response: Vec<Box<[u8]>>,
}

/// Parts of a request's head and of its response's, as they were sent: any bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Noted {
    bytes: Vec<u8>,
    /// Where each part is, those of the request first; `None` for one that the head does not have.
    places: Vec<Option<(u32, u32)>>,
}

impl NotedParts {
    /// Returns the request line alone.
    #[must_use]
    pub fn line() -> Self {
        Self { request: vec![HeadPart::Line], response: Vec::new() }
    }
}

impl Noted {
    /// Returns the part of this number: those of the request come first, then those of the response.
    #[must_use]
    pub fn part(&self, number: usize) -> Option<&[u8]> {
        let (start, end) = (*self.places.get(number)?)?;
        self.bytes.get(start as usize..end as usize)
    }

    /// Copies parts of a request's head. `method` stands for its own if it is given.
    pub(crate) fn of_head(head: &http::Head, parts: &NotedParts, method: Option<&[u8]>) -> Box<Self> {
        let mut noted = Self::with_room(parts, head.target().len());
        let protocol: &[u8] = if head.version() == http::Version::Http10 { b"HTTP/1.0" } else { b"HTTP/1.1" };
        let method = method.unwrap_or_else(|| head.method());
        // An absolute target without a path means the root (RFC 9110 section 4.2.3).
        let path = if head.path().is_empty() { b"/" } else { head.path() };
        let plain = Plain { method, target: head.target(), path, query: head.query(), protocol };
        for part in &parts.request {
            match part {
                HeadPart::Field(name) => noted.add_field(head.fields().iter(), name),
                other => noted.add_all(&plain.pieces(other)),
            }
        }
        Box::new(noted)
    }

    /// Copies parts of a request line that was refused, as far as it has them.
    pub(crate) fn of_line(line: Option<&[u8]>, parts: &NotedParts) -> Box<Self> {
        let line = line.unwrap_or_default();
        let mut noted = Self::with_room(parts, line.len());
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let plain = match words[..] {
            [method, target, protocol] => {
                let mut ends = target.splitn(2, |byte| *byte == b'?');
                let (path, query) = (ends.next().unwrap_or_default(), ends.next().unwrap_or_default());
                Some(Plain { method, target, path, query, protocol })
            }
            _ => None,
        };
        for part in &parts.request {
            match (&plain, part) {
                (None, _) | (_, HeadPart::Field(_)) => noted.places.push(None),
                (Some(plain), part) => noted.add_all(&plain.pieces(part)),
            }
        }
        Box::new(noted)
    }

    /// Copies fields of the head of a final response, as it is written.
    #[cold]
    pub(crate) fn add_response(&mut self, head: &[u8], parts: &NotedParts) {
        // A head that was withdrawn is replaced by another one.
        self.places.truncate(parts.request.len());
        for name in &parts.response {
            self.add_field(fields_of(head), name);
        }
    }

    fn with_room(parts: &NotedParts, line: usize) -> Self {
        let count = parts.request.len() + parts.response.len();
        Self { bytes: Vec::with_capacity(line + 16 * (count + 1)), places: Vec::with_capacity(count) }
    }

    fn add_all(&mut self, pieces: &[&[u8]]) {
        let start = self.bytes.len();
        pieces.iter().for_each(|piece| self.bytes.extend_from_slice(piece));
        self.place(start);
    }

    fn add_field<'a>(&mut self, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>, wanted: &[u8]) {
        let (start, mut is_first) = (self.bytes.len(), true);
        for (name, value) in fields {
            if name.eq_ignore_ascii_case(wanted) {
                self.bytes.extend_from_slice(if is_first { b"" } else { b", " });
                self.bytes.extend_from_slice(value);
                is_first = false;
            }
        }
        if is_first { self.places.push(None) } else { self.place(start) }
    }

    /// Ends a part. Heads are much shorter than 4 GiB.
    fn place(&mut self, start: usize) {
        let ends = u32::try_from(start).ok().zip(u32::try_from(self.bytes.len()).ok());
        self.places.push(ends);
    }
}

/// The parts that every request has.
struct Plain<'a> {
    method: &'a [u8],
    target: &'a [u8],
    path: &'a [u8],
    query: &'a [u8],
    protocol: &'a [u8],
}

impl<'a> Plain<'a> {
    fn pieces(&self, part: &HeadPart) -> [&'a [u8]; 5] {
        match part {
            HeadPart::Line => [self.method, b" ", self.target, b" ", self.protocol],
            HeadPart::Method => [self.method, b"", b"", b"", b""],
            HeadPart::Target => [self.target, b"", b"", b"", b""],
            HeadPart::Path => [self.path, b"", b"", b"", b""],
            HeadPart::Query => [self.query, b"", b"", b"", b""],
            HeadPart::Protocol => [self.protocol, b"", b"", b"", b""],
            HeadPart::Field(_) => [b""; 5],
        }
    }
}

/// Returns the fields of an encoded head.
fn fields_of(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = head.split(|byte| *byte == b'\n').skip(1).map(<[u8]>::trim_ascii_end);
    lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii_start()))
    })
}
