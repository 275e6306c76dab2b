//! `MultipartParser`: a form in parts, one call for each piece of content that arrives.
//!
//! Fields become strings here. The content of files is passed on as it arrives, and a piece that is nothing but content of
//! a file is passed on without a copy.

use content::media_type::MediaType;
use content::multipart::{Event, Parser, Part, last_component};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::forms::{Limits, refuse, refuse_text};
use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;

/// A parser as Python sees it. It holds no Python object.
#[pyclass(immutable_type, module = "vitok._native")]
pub(super) struct MultipartParser {
    /// In a box: vectors in the parser are aligned to 32 bytes, and Python's objects to 16.
    parser: Box<Parser>,
    field: Option<Field>,
}

const _: () = assert!(align_of::<MultipartParser>() <= 16);

/// A part that is no file, as far as it has arrived.
struct Field {
    name: String,
    /// The encoding of its text, if it is not UTF-8.
    charset: Option<String>,
    content: Vec<u8>,
    /// The first byte of the content in the form.
    begin: u64,
}

#[pymethods]
impl MultipartParser {
    #[new]
    fn new(py: Python<'_>, boundary: &[u8], limits: Limits) -> PyResult<Self> {
        let parser = Parser::new(boundary, limits.of_parts()).map_err(|error| refuse(py, &error))?;
        Ok(Self { parser: Box::new(parser), field: None })
    }

    /// Return what is in the next piece: a field as (name, text), or (name, bytes, charset) if it is not UTF-8; a file
    /// as (name, filename, content type, head), then its content as bytes, and None where it ends.
    fn feed<'py>(&mut self, piece: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyList>> {
        Ok(self.events(piece)?)
    }

    /// Check that the form has ended.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        Ok(self.parser.finish().map_err(|error| refuse(py, &error))?)
    }
}

impl MultipartParser {
    fn events<'py>(&mut self, piece: &Bound<'py, PyBytes>) -> Result<Bound<'py, PyList>, ErrorSet> {
        let py = piece.py();
        let Self { parser, field } = self;
        let whole = piece.as_bytes();
        let (mut input, mut events) = (whole, Vec::new());
        loop {
            let event = match parser.receive(&mut input).map_err(|error| refuse(py, &error))? {
                Event::Part(part) if part.filename().is_some() => file(py, part)?,
                Event::Part(part) => {
                    let (name, charset) = (part.name().to_owned(), charset(py, part)?);
                    *field = Some(Field { name, charset, content: Vec::new(), begin: parser.position() });
                    continue;
                }
                Event::Data(data) => match field {
                    Some(field) => {
                        field.content.extend_from_slice(data);
                        continue;
                    }
                    None if data.len() == whole.len() && input.is_empty() => piece.clone().into_any(),
                    None => make::bytes(py, data)?.into_any(),
                },
                Event::PartEnd => match field.take() {
                    Some(field) => text(py, &field)?,
                    None => py.None().into_bound(py),
                },
                Event::End => continue,
                Event::NeedInput => break,
            };
            events.push(event);
        }
        make::list(py, events)
    }
}

/// Returns the name of the encoding of a field, if it is not UTF-8.
fn charset(py: Python<'_>, part: &Part) -> Result<Option<String>, ErrorSet> {
    let Some(value) = part.content_type() else { return Ok(None) };
    // A field's media type is of no interest otherwise, so one that is malformed is no reason to refuse the form.
    let charset = MediaType::parse(value).ok().map(|media_type| media_type.charset()).transpose();
    let charset = charset.map_err(|error| refuse(py, &error))?.flatten();
    let is_other =
        |name: &&[u8]| !name.eq_ignore_ascii_case(b"utf-8") && !name.eq_ignore_ascii_case(b"us-ascii");
    Ok(charset.as_deref().filter(is_other).map(|name| String::from_utf8_lossy(name).into_owned()))
}

fn text<'py>(py: Python<'py>, field: &Field) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let name = make::text(py, &field.name)?.into_any();
    if let Some(charset) = &field.charset {
        let content = make::bytes(py, &field.content)?.into_any();
        return Ok(make::tuple(py, [name, content, make::text(py, charset)?.into_any()])?.into_any());
    }
    match std::str::from_utf8(&field.content) {
        Ok(text) => Ok(make::tuple(py, [name, make::text(py, text)?.into_any()])?.into_any()),
        Err(error) => Err(refuse_text(py, field.begin + error.valid_up_to() as u64)),
    }
}

fn file<'py>(py: Python<'py>, part: &Part) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let filename = last_component(part.filename().unwrap_or_default());
    let content_type = match part.content_type() {
        Some(value) => make::latin_1(py, value)?.into_any(),
        None => py.None().into_bound(py),
    };
    let mut fields = Vec::new();
    for (name, value) in part.fields() {
        let name = make::bytes(py, &name.to_ascii_lowercase())?.into_any();
        fields.push(make::tuple(py, [name, make::bytes(py, value)?.into_any()])?.into_any());
    }
    let head = make::list(py, fields)?.into_any();
    let (name, filename) = (make::text(py, part.name())?.into_any(), make::text(py, filename)?.into_any());
    Ok(make::tuple(py, [name, filename, content_type, head])?.into_any())
}
