//! The fields of a head or a trailer section: positions in one buffer, where the names are in lower case.
//!
//! One buffer holds the bytes and one list the positions; both are used again for the next section of the thread, so a
//! field costs no allocation. The meaning of fields is not known here.

use std::cell::{Cell, RefCell};
use std::mem::{self, MaybeUninit};

use crate::bytes;
use crate::encode;
use crate::error::{LocalProtocolError, RemoteProtocolError, RemoteProtocolErrorKind};
use crate::limits::{FIELDS_AT_MOST, SECTION_BYTES_AT_MOST};

pub(crate) const TOO_MANY: RemoteProtocolError =
    RemoteProtocolError::new(RemoteProtocolErrorKind::FieldsTooLarge, "too many fields (RFC 6585 section 5)");
const BAD_FIELDS: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed trailer field (RFC 9112 section 7.1.2)");

/// The capacity of buffers that are kept for the next head of any connection: enough for nearly all heads.
const KEPT_BYTES: usize = 16 * 1024;
const KEPT_FIELDS: usize = 128;

thread_local! {
    /// The buffers of the last section that was dropped on this thread. An idle connection has none, and most requests
    /// are answered before the next one is read.
    static SPARE: Cell<Option<Fields>> = const { Cell::new(None) };
    /// The buffers of heads of HTTP/2, of which a connection has many at the same time.
    static POOL: RefCell<Vec<Fields>> = const { RefCell::new(Vec::new()) };
}

/// How many buffers the pool has at most, and the capacity of each: 96 KiB in all.
const POOLED: usize = 32;
const POOLED_BYTES: usize = 2048;
const POOLED_FIELDS: usize = 64;

/// A range of bytes in a section. Sections are at most 16 MiB long, so 32 bits suffice, and a field takes 16 bytes.
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

    /// Returns the position of `part`, a slice of `whole`.
    #[inline]
    pub(crate) fn locate(part: &[u8], whole: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        Self::new(start, start.wrapping_add(part.len()))
    }

    /// Returns the bytes of `whole` in this range.
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

/// The positions of a field's name and value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// Header or trailer fields in the order in which they arrived: names in lower case, values without the white space
/// around them (RFC 9110 sections 5.1 and 5.5). Values may hold bytes above 127.
///
/// ```
/// let mut connection = http::Connection::new(http::Limits::UNLIMITED);
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
    /// No fields.
    pub(crate) const EMPTY: Self = Self { bytes: Vec::new(), places: Vec::new() };

    /// Creates fields that did not arrive as a section.
    ///
    /// # Errors
    ///
    /// A name or a value is not allowed.
    pub fn of<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, LocalProtocolError> {
        let mut made = Self::EMPTY;
        for (name, value) in fields {
            let (name, value) = (name.as_ref(), value.as_ref());
            encode::check_field(name, value)?;
            let start = made.bytes.len();
            let middle = start + name.len();
            made.bytes.extend(name.iter().map(u8::to_ascii_lowercase));
            made.bytes.extend_from_slice(value);
            if made.bytes.len() > SECTION_BYTES_AT_MOST {
                return Err(LocalProtocolError::BadFieldValue);
            }
            made.places
                .push(Place { name: Span::new(start, middle), value: Span::new(middle, made.bytes.len()) });
        }
        Ok(made)
    }

    /// Iterates over the name and value of each field.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> + Clone {
        self.places.iter().map(|place| (place.name.of(&self.bytes), place.value.of(&self.bytes)))
    }

    /// The value of the first field with this name, given in lower case.
    #[must_use]
    pub fn value_of(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|field| field.0 == name).map(|field| field.1)
    }

    /// Removes all fields, and leaves the buffers to the next section of any connection.
    #[inline]
    pub(crate) fn release(&mut self) {
        let mut fields = mem::take(self);
        if fields.bytes.capacity() <= KEPT_BYTES && fields.places.capacity() <= KEPT_FIELDS {
            fields.clear();
            // There is no cell any more while the thread ends.
            drop(SPARE.try_with(|spare| spare.replace(Some(fields))));
        }
    }

    /// Takes the buffers that the last section has left, unless there are some.
    #[inline]
    pub(crate) fn prepare(&mut self) {
        if self.bytes.capacity() == 0
            && let Ok(Some(spare)) = SPARE.try_with(Cell::take)
        {
            *self = spare;
        }
    }

    /// Returns fields without any, in buffers of the pool.
    #[inline]
    pub(crate) fn from_pool() -> Self {
        let pooled = POOL.try_with(|pool| pool.borrow_mut().pop());
        pooled.ok().flatten().unwrap_or_default()
    }

    /// Leaves the buffers to the pool.
    #[inline]
    pub(crate) fn into_pool(mut self) {
        let (bytes, fields) = (self.bytes.capacity(), self.places.capacity());
        if bytes == 0 || bytes > POOLED_BYTES || fields > POOLED_FIELDS {
            return;
        }
        self.clear();
        // There is no pool any more while the thread ends.
        POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < POOLED {
                pool.push(self);
            }
        })
        .unwrap_or_default();
    }

    /// Removes all fields.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    /// Returns the position of a field in `section`, a copy of which is in `bytes`, and makes the name there
    /// lower-case.
    #[inline]
    pub(crate) fn take(&mut self, field: &httparse::Header<'_>, section: &[u8]) -> Place {
        let name = Span::locate(field.name.as_bytes(), section);
        let place = Place { name, value: Span::locate(field.value, section) };
        self.places.push(place);
        lower(&mut self.bytes, name.start(), name.end());
        place
    }

    /// Parses the trailer section in `bytes`, up to and including its blank line. The scan has checked its line ends.
    pub(crate) fn parse_trailers(&mut self, most: usize) -> Result<(), RemoteProtocolError> {
        let section = mem::take(&mut self.bytes);
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

/// The size of a vector register on the oldest machines; nearly every name fits in it.
const LANE: usize = 16;

/// For each length up to a lane: the bit that differs between small letters and capitals, in that many leading bytes.
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

/// Makes the bytes from `start` to `end` lower-case. Short names are handled as one lane whose bytes after the name are
/// left as they are: a few vector instructions, where a loop over bytes takes six for each.
#[inline]
fn lower(bytes: &mut [u8], start: usize, end: usize) {
    let Some(rest) = bytes.get_mut(start..) else { return };
    let length = end - start;
    match (rest.first_chunk_mut::<LANE>(), CASE_BITS.get(length)) {
        (Some(lane), Some(bits)) => {
            for (byte, bit) in lane.iter_mut().zip(bits) {
                // Without a branch, which would keep the compiler from using vectors.
                *byte |= u8::from(byte.is_ascii_uppercase()).wrapping_neg() & *bit;
            }
        }
        _ => rest[..length].make_ascii_lowercase(),
    }
}

/// Returns the error that an error of httparse stands for; `otherwise` is for those that are not about a field.
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

/// Room for the fields that httparse finds; httparse initializes it.
pub(crate) type Slots<'a> = [MaybeUninit<httparse::Header<'a>>; FIELDS_AT_MOST];

/// Whether a comma-separated list contains this token, in any case.
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
