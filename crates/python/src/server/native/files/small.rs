//! The whole response from a small file, which is read by the thread of the loop where the kernel has it in memory.

use content::file_answer::Piece;
use pyo3::prelude::*;
use reactor::read_cached;

use super::describe::Described;
use super::source::{FileSource, Found, Opened};
use crate::error::os_error;
use crate::ffi::bytes::{self, Bytes};
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::server::native::request::Request;
use crate::server::native::response::{Part, Parts};

/// The most bytes of content that are read at once. Copying them takes some microseconds, as long as the rest of a
/// request; `sendfile` and its task cost more up to here.
const BYTES_AT_MOST: u64 = 64 * 1024;

/// Returns a response with its content; `None` if a task has to send it. The source keeps its open file then.
pub(in crate::server::native) fn answer(
    source: &FileSource,
    parts: Parts,
    request: This<'_, Request>,
) -> Result<Option<Parts>, ErrorSet> {
    let py = request.py();
    let Found::File = source.find(py)? else { return Ok(None) };
    let Some(opened) = source.take_opened(py) else { return Ok(None) };
    let known = |name: &[u8]| {
        let found = parts.fields.iter().find(|(known, _)| known.as_ref() == name);
        found.map(|(_, value)| value.as_ref().to_vec())
    };
    let described = request.with_head(request.py(), |head| {
        let fields = head.fields().iter();
        Described::new(&source.options, opened.facts, parts.status, head.method(), fields, known)
    })?;
    let length = described.length();
    let content = if length > BYTES_AT_MOST { None } else { content(py, &opened, &described)? };
    let Some(content) = content else {
        source.put_back(py, opened);
        return Ok(None);
    };
    let mut fields = parts.fields;
    fields.retain(|(name, _)| !described.replaces(name.as_ref()));
    for (name, value) in &described.fields {
        fields.push((Part::Known(name), Part::Own(bytes::kept(py, value)?)));
    }
    Ok(Some(Parts { status: described.status, fields, content: content.into(), source: None }))
}

/// Content that was read.
enum Content {
    Empty,
    Bytes(Bytes),
}

impl From<Content> for Option<Bytes> {
    fn from(content: Content) -> Self {
        match content {
            Content::Empty => None,
            Content::Bytes(bytes) => Some(bytes),
        }
    }
}

/// Reads the content; `None` if some of it is not in memory.
fn content(py: Python<'_>, opened: &Opened, described: &Described) -> Result<Option<Content>, ErrorSet> {
    match &described.pieces[..] {
        [] => Ok(Some(Content::Empty)),
        [Piece::File(range)] => Ok(read(py, opened, range.start, described.length())?.map(Content::Bytes)),
        pieces => {
            let mut joined = Vec::new();
            for piece in pieces {
                match piece {
                    Piece::Text(text) => joined.extend_from_slice(text.as_bytes()),
                    Piece::File(range) => match read(py, opened, range.start, piece.length())? {
                        Some(bytes) => joined.extend_from_slice(bytes.as_ref()),
                        None => return Ok(None),
                    },
                }
            }
            Ok(Some(Content::Bytes(bytes::kept(py, &joined)?)))
        }
    }
}

fn read(py: Python<'_>, opened: &Opened, offset: u64, count: u64) -> Result<Option<Bytes>, ErrorSet> {
    let count = usize::try_from(count).map_err(PyErr::from)?;
    let mut is_known = true;
    let filled = bytes::filled(py, count, |room| {
        let read = read_cached(&opened.file, room, offset)?;
        is_known = read.is_some();
        Ok(read.unwrap_or_default())
    })?;
    let filled = filled.map_err(|error| os_error(&error))?;
    Ok(filled.filter(|_| is_known).and_then(|bytes| Bytes::of(bytes.as_borrowed())))
}
