//! Fields of a head or a trailer section: positions in one buffer, with the names lower-cased there.
//!
//! One buffer holds the bytes and one list the positions; both are used again for the next section, so a field costs no
//! allocation. It knows nothing of what any field means.

use std::mem::MaybeUninit;

use crate::bytes;
use crate::error::{RemoteProtocolError, RemoteProtocolErrorKind};
use crate::limits::FIELDS_AT_MOST;

const TOO_MANY: RemoteProtocolError =
    RemoteProtocolError::new(RemoteProtocolErrorKind::FieldsTooLarge, "too many fields (RFC 6585 section 5)");
const BAD_FIELDS: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed trailer field (RFC 9112 section 7.1.2)");

/// What is kept of a buffer between two requests, so that an idle connection holds little: a usual head fits in.
const KEPT_BYTES: usize = 1024;
const KEPT_FIELDS: usize = 32;

/// Some bytes of a section. Sections are at most 16 MiB long, so 32 bits do, and a field takes 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a section is not longer than SECTION_BYTES_AT_MOST")]
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// Where `part`, which lies in `whole`, lies in it.
    #[inline]
    pub(crate) fn locate(part: &[u8], whole: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        Self::new(start, start.wrapping_add(part.len()))
    }

    /// The bytes of `whole` that are meant.
    #[inline]
    pub(crate) fn of(self, whole: &[u8]) -> &[u8] {
        whole.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    #[inline]
    pub(crate) const fn start(self) -> usize {
        self.start as usize
    }

    #[inline]
    pub(crate) const fn end(self) -> usize {
        self.end as usize
    }
}

/// Where a field's name and value lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// Header or trailer fields in the order in which they came; the names in lower case, the values without the space
/// around them (RFC 9110 sections 5.1 and 5.5). Values may hold bytes above 127.
///
/// ```
/// let mut connection = http::Connection::new(http::Limits::default());
/// let mut input = &b"GET / HTTP/1.1\r\nHost: a.example\r\nX-Tag:  one \r\n\r\n"[..];
/// let Ok(http::Event::Request(head)) = connection.receive(&mut input) else { panic!("a request") };
/// let fields: Vec<(&[u8], &[u8])> = head.fields().iter().collect();
/// assert_eq!(fields, [(&b"host"[..], &b"a.example"[..]), (b"x-tag", b"one")]);
/// assert_eq!(head.fields().value_of(b"x-tag"), Some(&b"one"[..]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Fields {
    pub(crate) bytes: Vec<u8>,
    pub(crate) places: Vec<Place>,
}

impl Fields {
    /// Each field's name and value.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.places.iter().map(|place| (place.name.of(&self.bytes), place.value.of(&self.bytes)))
    }

    /// How many there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The value of the first field with this name, which is to be in lower case.
    #[must_use]
    pub fn value_of(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|field| field.0 == name).map(|field| field.1)
    }

    /// Forgets everything, and gives back buffers that are larger than most requests need.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes.shrink_to(KEPT_BYTES);
        }
        if self.places.capacity() > KEPT_FIELDS {
            self.places.shrink_to(KEPT_FIELDS);
        }
    }

    /// Takes the place of a field in `section`, a copy of which is in `bytes`, and lower-cases the name there.
    #[inline]
    pub(crate) fn take(&mut self, field: &httparse::Header<'_>, section: &[u8]) -> Place {
        let name = Span::locate(field.name.as_bytes(), section);
        let place = Place { name, value: Span::locate(field.value, section) };
        self.places.push(place);
        lower(&mut self.bytes, name.start(), name.end());
        place
    }

    /// Reads the trailer section that lies in `bytes`, up to and with its blank line. The scan has seen its line ends.
    pub(crate) fn parse_trailers(&mut self, most: usize) -> Result<(), RemoteProtocolError> {
        let section = std::mem::take(&mut self.bytes);
        let mut slots = [httparse::EMPTY_HEADER; FIELDS_AT_MOST];
        let found = match httparse::parse_headers(&section, &mut slots[..most]) {
            Ok(httparse::Status::Complete((_, found))) => found,
            Ok(httparse::Status::Partial) => return Err(BAD_FIELDS),
            Err(error) => return Err(refusal_of(error, BAD_FIELDS)),
        };
        self.bytes.extend_from_slice(&section);
        self.places.clear();
        for field in found {
            self.take(field, &section);
        }
        Ok(())
    }
}

/// What one vector register of the oldest machines holds, and nearly every name fits into.
const LANE: usize = 16;

/// For each length up to a lane's: the bit that tells small letters from capitals, in so many bytes at the beginning.
static CASE_BITS: [[u8; LANE]; LANE + 1] = case_bits();

const fn case_bits() -> [[u8; LANE]; LANE + 1] {
    let mut table = [[0; LANE]; LANE + 1];
    let mut length = 0;
    while length <= LANE {
        let mut position = 0;
        while position < length {
            table[length][position] = 0x20;
            position += 1;
        }
        length += 1;
    }
    table
}

/// Lower-cases the bytes from `start` to `end`. Short names are done as one lane, of which what lies behind the name is
/// left alone: a few vector instructions, where a loop over bytes takes six for each.
#[inline]
fn lower(bytes: &mut [u8], start: usize, end: usize) {
    let Some(rest) = bytes.get_mut(start..) else { return };
    let length = end - start;
    match (rest.first_chunk_mut::<LANE>(), CASE_BITS.get(length)) {
        (Some(lane), Some(bits)) => {
            for (byte, bit) in lane.iter_mut().zip(bits) {
                // Without a branch, or the compiler would not use vectors.
                *byte |= u8::from(byte.is_ascii_uppercase()).wrapping_neg() & *bit;
            }
        }
        _ => rest[..length].make_ascii_lowercase(),
    }
}

/// What httparse means by an error, where the rest of it means `otherwise`.
pub(crate) fn refusal_of(error: httparse::Error, otherwise: RemoteProtocolError) -> RemoteProtocolError {
    match error {
        httparse::Error::TooManyHeaders => TOO_MANY,
        httparse::Error::HeaderName => RemoteProtocolError::malformed(
            "a malformed field name, or a folded line (RFC 9112 sections 5.1 and 5.2)",
        ),
        httparse::Error::HeaderValue => {
            RemoteProtocolError::malformed("a malformed field value (RFC 9110 section 5.5)")
        }
        _ => otherwise,
    }
}

/// Room for what httparse finds. It is not written to before httparse does.
pub(crate) type Slots<'a> = [MaybeUninit<httparse::Header<'a>>; FIELDS_AT_MOST];

/// Whether a comma-separated list has this token, in any case.
pub(crate) fn lists(value: &[u8], token: &[u8]) -> bool {
    bytes::members(value).any(|member| member.eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::lower;

    #[test]
    fn only_capitals_between_the_ends_are_lowered() {
        let all: Vec<u8> = (0..=255).collect();
        for start in 0..256 {
            for end in [start, start + 1, start + 7, start + 8, start + 9, start + 40, 256] {
                let end = end.min(256);
                let (mut lowered, mut expected) = (all.clone(), all.clone());
                lower(&mut lowered, start, end);
                expected[start..end].make_ascii_lowercase();
                assert_eq!(lowered, expected, "{start}..{end}");
            }
        }
    }
}
