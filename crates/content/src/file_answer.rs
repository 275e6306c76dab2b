//! What of a file answers a request: status, fields, and the pieces of the content (RFC 9110 sections 13 to 15).

use std::ops::Range;

use crate::conditions::{Conditions, Validators, Verdict};
use crate::ranges::{Selection, select};

/// What there is to know of a file and of its response.
#[derive(Clone, Copy, Debug)]
pub struct FileFacts<'a> {
    /// The length of the file in bytes.
    pub size: u64,
    /// What the current content is known by.
    pub validators: Validators<'a>,
    /// The field `Content-Type` of the whole.
    pub content_type: &'a [u8],
    /// What separates the parts of an answer with several: up to 70 letters and digits that the file does not contain.
    pub boundary: &'a str,
}

/// An answer made of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileAnswer {
    /// 200, 206, 304, 412 or 416.
    pub status: u16,
    /// The field `Content-Range` (section 14.4); empty if there is none.
    pub content_range: String,
    /// The field `Content-Type`, if it is another one than the file's own.
    pub content_type: Option<String>,
    /// The content in order.
    pub pieces: Vec<Piece>,
}

/// A part of the content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Bytes of the file, at least one.
    File(Range<u64>),
    /// What stands around them.
    Text(String),
}

impl FileAnswer {
    /// Answers a request. A client that asks for HEAD gets the status and the fields of the answer to GET without a range.
    ///
    /// ```
    /// use content::conditions::{Conditions, Validators};
    /// use content::file_answer::{FileAnswer, FileFacts, Piece};
    /// let validators = Validators { etag: None, last_modified: None, now: 0 };
    /// let facts = FileFacts { size: 10, validators, content_type: b"text/plain", boundary: "edge" };
    /// let range = Conditions::of([(&b"range"[..], &b"bytes=8-"[..])]);
    /// let answer = FileAnswer::new(b"GET", &range, facts);
    /// assert_eq!((answer.status, &answer.content_range[..]), (206, "bytes 8-9/10"));
    /// assert_eq!(answer.pieces, [Piece::File(8..10)]);
    /// ```
    #[must_use]
    pub fn new(method: &[u8], conditions: &Conditions<'_>, facts: FileFacts<'_>) -> Self {
        let range = match conditions.evaluate(method, facts.validators) {
            Verdict::NotModified => return Self::empty(304),
            Verdict::Failed => return Self::empty(412),
            Verdict::Proceed { range } => range,
        };
        match range.map_or(Selection::Whole, |range| select(range, facts.size)) {
            Selection::Whole => Self { pieces: whole(facts.size), ..Self::empty(200) },
            Selection::Unsatisfiable => {
                Self { content_range: format!("bytes */{}", facts.size), ..Self::empty(416) }
            }
            Selection::Parts(parts) => match &parts[..] {
                [part] => {
                    let content_range = content_range(part, facts.size);
                    Self { content_range, pieces: vec![Piece::File(part.clone())], ..Self::empty(206) }
                }
                _ => several(parts, facts).unless_longer(facts.size),
            },
        }
    }

    /// The length of the content in bytes.
    ///
    /// ```
    /// # use content::file_answer::{FileAnswer, Piece};
    /// let pieces = vec![Piece::Text("four".to_owned()), Piece::File(10..20)];
    /// let answer = FileAnswer { status: 206, content_range: String::new(), content_type: None, pieces };
    /// assert_eq!(answer.length(), 14);
    /// ```
    #[must_use]
    pub fn length(&self) -> u64 {
        self.pieces.iter().fold(0, |sum: u64, piece| sum.saturating_add(piece.length()))
    }

    /// Answers with the whole file if this answer is longer, by what describes its parts.
    fn unless_longer(self, size: u64) -> Self {
        if self.length() <= size { self } else { Self { pieces: whole(size), ..Self::empty(200) } }
    }

    fn empty(status: u16) -> Self {
        Self { status, content_range: String::new(), content_type: None, pieces: Vec::new() }
    }
}

impl Piece {
    /// The length in bytes.
    ///
    /// ```
    /// assert_eq!(content::file_answer::Piece::File(5..9).length(), 4);
    /// ```
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::File(range) => range.end - range.start,
            Self::Text(text) => text.len() as u64,
        }
    }
}

fn whole(size: u64) -> Vec<Piece> {
    if size == 0 { Vec::new() } else { vec![Piece::File(0..size)] }
}

/// Answers with several ranges, each with its fields (section 14.6).
fn several(parts: Vec<Range<u64>>, facts: FileFacts<'_>) -> FileAnswer {
    let FileFacts { boundary, size, .. } = facts;
    let kind = String::from_utf8_lossy(facts.content_type);
    let mut pieces = Vec::with_capacity(2 * parts.len() + 1);
    for part in parts {
        let line_end = if pieces.is_empty() { "" } else { "\r\n" };
        let described = content_range(&part, size);
        let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        let head = format!("{line_end}--{boundary}\r\n{kind}Content-Range: {described}\r\n\r\n");
        pieces.extend([Piece::Text(head), Piece::File(part)]);
    }
    pieces.push(Piece::Text(format!("\r\n--{boundary}--\r\n")));
    let content_type = Some(format!("multipart/byteranges; boundary={boundary}"));
    FileAnswer { content_type, pieces, ..FileAnswer::empty(206) }
}

fn content_range(part: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    fn answer(method: &str, fields: &[(&str, &str)], size: u64) -> FileAnswer {
        let validators = Validators { etag: Some(b"\"e\""), last_modified: Some(0), now: NOW };
        let facts = FileFacts { size, validators, content_type: b"text/plain", boundary: "edge" };
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        FileAnswer::new(method.as_bytes(), &Conditions::of(fields), facts)
    }

    #[test]
    fn each_status() {
        assert_eq!(
            answer("GET", &[], 10),
            FileAnswer { pieces: vec![Piece::File(0..10)], ..FileAnswer::empty(200) }
        );
        assert_eq!(answer("GET", &[], 0), FileAnswer::empty(200));
        assert_eq!(answer("GET", &[("if-none-match", "\"e\"")], 10), FileAnswer::empty(304));
        assert_eq!(answer("GET", &[("if-match", "\"f\"")], 10), FileAnswer::empty(412));
        let unsatisfiable = answer("GET", &[("range", "bytes=10-")], 10);
        assert_eq!((unsatisfiable.status, &unsatisfiable.content_range[..]), (416, "bytes */10"));
        assert_eq!(answer("HEAD", &[("range", "bytes=10-")], 10).status, 200);
        assert_eq!(answer("GET", &[("range", "bytes=1-2"), ("if-range", "\"f\"")], 10).status, 200);
    }

    #[test]
    fn several_ranges_that_are_longer_than_the_file_are_the_file() {
        let size = u64::MAX - 1000;
        let almost_all = format!("bytes=0-{},{}-", size / 2 - 180, size / 2);
        assert_eq!(answer("GET", &[("range", &almost_all)], size).status, 200);
    }

    #[test]
    fn several_ranges_are_a_multipart() {
        let answer = answer("GET", &[("range", "bytes=0-1,-2")], 1000);
        assert_eq!(answer.status, 206);
        assert_eq!(answer.content_type.as_deref(), Some("multipart/byteranges; boundary=edge"));
        assert!(answer.content_range.is_empty());
        let shown: String = answer
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::File(range) => format!("[{range:?}]"),
                Piece::Text(text) => text.clone(),
            })
            .collect();
        let expected = "--edge\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/1000\r\n\r\n[0..2]\r\n\
            --edge\r\nContent-Type: text/plain\r\nContent-Range: bytes 998-999/1000\r\n\r\n[998..1000]\r\n--edge--\r\n";
        assert_eq!(shown, expected);
        assert_eq!(answer.length(), shown.replace("[0..2]", "ab").replace("[998..1000]", "yz").len() as u64);
    }
}
