//! What any field `Range` selects. A test and a fuzz target share this file.

use content::conditions::{Conditions, Validators};
use content::file_answer::{FileAnswer, FileFacts, Piece};
use content::ranges::{RANGES, Selection, select};

/// The first eight bytes are the size of the file.
pub(crate) fn check(input: &[u8]) {
    let Some((size, value)) = input.split_first_chunk() else { return };
    let size = u64::from_be_bytes(*size);
    let selection = select(value, size);
    if let Selection::Parts(parts) = &selection {
        assert!((1..=RANGES).contains(&parts.len()));
        assert!(parts.iter().all(|part| part.start < part.end && part.end <= size));
        let mut sorted: Vec<_> = parts.iter().map(|part| (part.start, part.end)).collect();
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{parts:?} overlap");
    }
    let validators = Validators { etag: None, last_modified: None, now: 0 };
    let facts = FileFacts { size, validators, content_type: b"text/plain", boundary: "edge" };
    let conditions = Conditions::of([(&b"range"[..], value)]);
    let answer = FileAnswer::new(b"GET", &conditions, facts);
    let range_of = |piece: &Piece| match piece {
        Piece::File(range) => Some(range.clone()),
        Piece::Text(_) => None,
    };
    let sent: Vec<_> = answer.pieces.iter().filter_map(range_of).collect();
    match selection {
        Selection::Whole => assert!(answer.status == 200 && answer.length() == size),
        Selection::Unsatisfiable => assert!(answer.status == 416 && answer.length() == 0),
        // What describes the parts may be longer than what they leave out.
        Selection::Parts(parts) if answer.status == 200 => {
            assert!(parts.len() > 1 && answer.length() == size);
        }
        Selection::Parts(parts) => {
            assert!(answer.status == 206 && sent == parts && answer.length() <= size);
        }
    }
}
