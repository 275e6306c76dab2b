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
    /// `HTTP/1.1`, or `HTTP/2`.
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
    /// The end of each part in the bytes, those of the request first, or [`ABSENT`]; then the parts one after the other. A
    /// request so costs one allocation.
    bytes: Vec<u8>,
    /// The number of parts so far, and of those there are to be.
    count: u32,
    total: u32,
}

/// Stands for the end of a part that a head does not have. Heads are much shorter.
const ABSENT: u32 = u32::MAX;
/// The size of an end.
const SIZE: usize = size_of::<u32>();

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
        let end = self.end(number)?;
        // What is absent ends nowhere.
        let start = (0..number).rev().find_map(|before| self.end(before));
        self.bytes.get(start.unwrap_or(self.total as usize * SIZE)..end)
    }

    /// Returns the end of a part.
    fn end(&self, number: usize) -> Option<usize> {
        if number >= self.count as usize {
            return None;
        }
        let end = self.bytes.get(number * SIZE..)?.first_chunk()?;
        Some(u32::from_ne_bytes(*end)).filter(|end| *end != ABSENT).map(|end| end as usize)
    }

    /// Copies parts of a request's head. `method` stands for its own if it is given.
    pub(crate) fn of_head(head: &http::Head, parts: &NotedParts, method: Option<&[u8]>) -> Self {
        match (&parts.request[..], &parts.response[..], method) {
            ([HeadPart::Line], [], None) => Self::only(head.line()),
            _ => Self::of_parts(head, parts, method),
        }
    }

    /// Copies a part, the only one there is to be.
    #[inline]
    fn only(part: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(SIZE + part.len());
        let end = u32::try_from(SIZE + part.len()).unwrap_or(ABSENT);
        bytes.extend_from_slice(&end.to_ne_bytes());
        bytes.extend_from_slice(part);
        Self { bytes, count: 1, total: 1 }
    }

    fn of_parts(head: &http::Head, parts: &NotedParts, method: Option<&[u8]>) -> Self {
        let mut noted = Self::with_room(parts, head.target().len());
        let protocol = head.version().name().as_bytes();
        let method = method.unwrap_or_else(|| head.method());
        for part in &parts.request {
            match part {
                HeadPart::Line => noted.add(&[method, b" ", head.target(), b" ", protocol]),
                HeadPart::Method => noted.add(&[method]),
                HeadPart::Target => noted.add(&[head.target()]),
                // An absolute target without a path means the root (RFC 9110 section 4.2.3).
                HeadPart::Path if head.path().is_empty() => noted.add(&[b"/"]),
                HeadPart::Path => noted.add(&[head.path()]),
                HeadPart::Query => noted.add(&[head.query()]),
                HeadPart::Protocol => noted.add(&[protocol]),
                HeadPart::Field(name) => noted.add_field(head.fields().iter(), name),
            }
        }
        noted
    }

    /// Copies parts of a request line that was refused, as far as it has them.
    pub(crate) fn of_line(line: Option<&[u8]>, parts: &NotedParts) -> Self {
        let line = line.unwrap_or_default();
        let mut noted = Self::with_room(parts, line.len());
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let (method, target, protocol) = match words[..] {
            [method, target, protocol] => (Some(method), Some(target), Some(protocol)),
            _ => (None, None, None),
        };
        let mut ends = target.unwrap_or_default().splitn(2, |byte| *byte == b'?');
        let (path, query) = (ends.next(), ends.next().unwrap_or_default());
        for part in &parts.request {
            let value = match part {
                HeadPart::Line => target.map(|_| line),
                HeadPart::Method => method,
                HeadPart::Target => target,
                HeadPart::Path => target.and(path),
                HeadPart::Query => target.map(|_| query),
                HeadPart::Protocol => protocol,
                HeadPart::Field(_) => None,
            };
            match value {
                Some(value) => noted.add(&[value]),
                None => noted.place(ABSENT),
            }
        }
        noted
    }

    /// Copies fields of a final response, as they are written.
    #[cold]
    pub(crate) fn add_response<'a, I: Iterator<Item = (&'a [u8], &'a [u8])>>(
        &mut self,
        fields: impl Fn() -> I,
        parts: &NotedParts,
    ) {
        // A head that was withdrawn is replaced by another one.
        let kept = parts.request.len();
        let end = (0..kept).rev().find_map(|number| self.end(number));
        self.bytes.truncate(end.unwrap_or(self.total as usize * SIZE));
        self.count = self.count.min(u32::try_from(kept).unwrap_or(u32::MAX));
        for name in &parts.response {
            self.add_field(fields(), name);
        }
    }

    fn with_room(parts: &NotedParts, line: usize) -> Self {
        let total = parts.request.len() + parts.response.len();
        let mut bytes = Vec::with_capacity(line + (SIZE + 16) * (total + 1));
        bytes.resize(total * SIZE, 0);
        Self { bytes, count: 0, total: u32::try_from(total).unwrap_or(0) }
    }

    #[inline]
    fn add(&mut self, pieces: &[&[u8]]) {
        pieces.iter().for_each(|piece| self.bytes.extend_from_slice(piece));
        self.end_part();
    }

    fn add_field<'a>(&mut self, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>, wanted: &[u8]) {
        let mut is_first = true;
        for (name, value) in fields {
            if name.eq_ignore_ascii_case(wanted) {
                self.bytes.extend_from_slice(if is_first { b"" } else { b", " });
                self.bytes.extend_from_slice(value);
                is_first = false;
            }
        }
        if is_first { self.place(ABSENT) } else { self.end_part() }
    }

    fn end_part(&mut self) {
        self.place(u32::try_from(self.bytes.len()).unwrap_or(ABSENT));
    }

    /// Notes the end of the next part.
    fn place(&mut self, end: u32) {
        let start = self.count as usize * SIZE;
        if let Some(place) = self.bytes.get_mut(start..start + SIZE) {
            place.copy_from_slice(&end.to_ne_bytes());
            self.count += 1;
        }
    }
}

/// Returns the fields of an encoded head.
pub(crate) fn fields_of(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    let lines = head.split(|byte| *byte == b'\n').skip(1).map(<[u8]>::trim_ascii_end);
    lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii_start()))
    })
}
