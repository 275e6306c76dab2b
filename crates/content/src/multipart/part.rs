//! The head of a part: its fields, name, filename and media type (RFC 2046 section 5.1; RFC 7578 section 4).
//!
//! As strict as the head of a request: no line is folded, no line ends in a lone LF, no value has a control character, and
//! the fields that are read here occur once.

use std::ops::Range;

use super::Limits;
use super::disposition::Disposition;
use crate::error::ContentError;
use crate::field_reader::is_token_byte;

/// A part of a form. The same value is used for each part, so that its memory is.
#[derive(Clone, Debug, Default)]
pub struct Part {
    name: String,
    filename: Option<String>,
    /// The lines of the head, each with its CRLF, and the empty line.
    pub(super) head: Vec<u8>,
    fields: Vec<(Range<usize>, Range<usize>)>,
    content_type: Option<usize>,
}

impl Part {
    /// The name of the control of the form.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The filename as the client sent it, with whatever path it has; `None` if the part is no file. A file control in
    /// which nothing was chosen has an empty one.
    #[must_use]
    pub fn filename(&self) -> Option<&str> {
        self.filename.as_deref()
    }

    /// The value of the field Content-Type.
    #[must_use]
    pub fn content_type(&self) -> Option<&[u8]> {
        self.content_type.map(|index| self.value(index))
    }

    /// The fields of the head in their order, as they were sent.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|(name, value)| (&self.head[name.clone()], &self.head[value.clone()]))
    }

    /// The bytes that the name and the filename take.
    pub(super) fn name_bytes(&self) -> u64 {
        (self.name.len() + self.filename.as_ref().map_or(0, String::len)) as u64
    }

    pub(super) fn begin(&mut self) {
        self.head.clear();
    }

    /// Whether the head is complete: its last line is empty.
    pub(super) fn is_complete(&self) -> bool {
        self.head == b"\r\n" || self.head.ends_with(b"\r\n\r\n")
    }

    /// Parses the complete head, which begins at this byte of the form.
    pub(super) fn parse(&mut self, limits: &Limits, at: u64) -> Result<(), ContentError> {
        self.split(limits).map_err(|error| error.after(at))?;
        self.content_type = self.sole(b"content-type", at)?;
        if let Some(index) = self.sole(b"content-transfer-encoding", at)? {
            let value = self.value(index);
            if ![&b"binary"[..], b"8bit", b"7bit"].iter().any(|plain| value.eq_ignore_ascii_case(plain)) {
                let because = "Content-Transfer-Encoding of a part changes its bytes (RFC 7578 section 4.7)";
                return Err(ContentError::malformed(because, at + self.fields[index].1.start as u64));
            }
        }
        let Some(index) = self.sole(b"content-disposition", at)? else {
            return Err(ContentError::malformed("a part without Content-Disposition", at));
        };
        let begin = at + self.fields[index].1.start as u64;
        let disposition = Disposition::parse(self.value(index)).map_err(|error| error.after(begin))?;
        (self.name, self.filename) = (disposition.name, disposition.filename);
        let longest = self.name.len().max(self.filename.as_ref().map_or(0, String::len));
        if longest as u64 > limits.name_bytes {
            return Err(ContentError::too_large(
                "the name of a part has more bytes than",
                limits.name_bytes,
                at,
            ));
        }
        Ok(())
    }

    /// Returns the index of a field that must not occur twice.
    fn sole(&self, name: &[u8], at: u64) -> Result<Option<usize>, ContentError> {
        let is_named = |(range, _): &(Range<usize>, _)| self.head[range.clone()].eq_ignore_ascii_case(name);
        let Some(index) = self.fields.iter().position(is_named) else { return Ok(None) };
        match self.fields[index + 1..].iter().find(|field| is_named(field)) {
            Some((twice, _)) => {
                Err(ContentError::malformed("a part has a field twice", at + twice.start as u64))
            }
            None => Ok(Some(index)),
        }
    }

    fn value(&self, index: usize) -> &[u8] {
        &self.head[self.fields[index].1.clone()]
    }

    /// Splits the head into its fields.
    fn split(&mut self, limits: &Limits) -> Result<(), ContentError> {
        self.fields.clear();
        let mut at = 0;
        for line in self.head[..self.head.len() - 2].split_inclusive(|byte| *byte == b'\n') {
            let malformed = |because, offset: usize| ContentError::malformed(because, (at + offset) as u64);
            let text = &line[..line.len() - 2];
            if let Some(offset) =
                text.iter().position(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f)
            {
                return Err(malformed("the head of a part has a control character", offset));
            }
            let colon = text.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(text.len());
            if colon == 0 || text.get(colon) != Some(&b':') {
                return Err(malformed("a line of a part's head is no field", 0));
            }
            if self.fields.len() as u64 == limits.head_fields {
                let because = "a part has more fields in its head than";
                return Err(ContentError::too_large(because, limits.head_fields, at as u64));
            }
            let value = &text[colon + 1..];
            let start = at + colon + 1 + (value.len() - value.trim_ascii_start().len());
            let end = (at + text.trim_ascii_end().len()).max(start);
            self.fields.push((at..at + colon, start..end));
            at += line.len();
        }
        Ok(())
    }
}
