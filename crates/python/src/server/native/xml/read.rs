//! A document as elements: `SubElement` is called for each, and names are made once.

use std::borrow::Cow;

use content::xml::{Document, Encoding, Event, Limits, NameId, Reader, detect};
use pyo3::exceptions::PyUnicodeDecodeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::etree::{element_tree, unusable};
use crate::ffi::bytes::Bytes;
use crate::ffi::make;
use crate::ffi::name::Text;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::unchanging;

/// Reads a document.
pub(super) fn read<'py>(
    data: &Bound<'py, PyAny>,
    charset: Option<&str>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = data.py();
    let data = match Bytes::of(data.as_borrowed()) {
        Some(bytes) => bytes,
        None => unchanging(data.as_borrowed())?,
    };
    let decoded;
    let text = match detect(data.as_ref(), charset) {
        Encoding::Utf8(start) => utf_8(data.as_ref(), start)?,
        Encoding::Codec(codec, start) => {
            decoded = by_codec(py, &data.as_ref()[start..], codec, start)?;
            decoded.to_cow()?
        }
        Encoding::Unknown(name) => return Err(unusable(format!("the encoding {name:?} is not known"))),
    };
    let document = Document::new(&text).map_err(|error| unusable(error.to_string()))?;
    build(py, Reader::new(&document, Limits::default()))
}

fn utf_8(data: &[u8], start: usize) -> Result<Cow<'_, str>, ErrorSet> {
    let not_utf_8 =
        |error: std::str::Utf8Error| unusable(format!("no UTF-8 at byte {}", start + error.valid_up_to()));
    Ok(Cow::Borrowed(std::str::from_utf8(&data[start..]).map_err(not_utf_8)?))
}

fn by_codec<'py>(
    py: Python<'py>,
    data: &[u8],
    codec: &str,
    start: usize,
) -> Result<Bound<'py, PyString>, ErrorSet> {
    let data = make::bytes(py, data)?;
    match data.call_method1(name!("decode"), (Text(codec),)) {
        Ok(text) => Ok(text.cast_into::<PyString>().map_err(PyErr::from)?),
        Err(error) if error.is_instance_of::<PyUnicodeDecodeError>(py) => {
            let place: usize = error.value(py).getattr(name!("start"))?.extract()?;
            Err(unusable(format!("no {codec} at byte {}", start + place)))
        }
        Err(error) => Err(error.into()),
    }
}

/// An element that has not ended.
struct Open<'py> {
    element: Bound<'py, PyAny>,
    /// Its last child, which has the text behind it.
    child: Option<Bound<'py, PyAny>>,
}

fn build<'py>(py: Python<'py>, mut reader: Reader<'_>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let module = element_tree(py)?;
    let make_root = module.getattr(name!("Element"))?;
    let make_child = module.getattr(name!("SubElement"))?;
    let mut names = Vec::new();
    let mut open: Vec<Open<'py>> = Vec::new();
    let mut root = None;
    loop {
        match reader.next().map_err(|error| unusable(error.to_string()))? {
            Event::Start(tag, attributes) => {
                let attributes = attributes.to_vec();
                let tag = named(py, &mut names, &reader, tag)?;
                let values = make::dict(py)?;
                for (name, value) in attributes {
                    values.set_item(named(py, &mut names, &reader, name)?, make::text(py, &value)?)?;
                }
                let element = match open.last() {
                    Some(parent) if values.is_empty() => make_child.call1((&parent.element, tag))?,
                    Some(parent) => make_child.call1((&parent.element, tag, values))?,
                    None => make_root.call1((tag, values))?,
                };
                open.push(Open { element, child: None });
            }
            Event::Text(text) => {
                let text = make::text(py, text)?;
                match open.last() {
                    Some(Open { child: Some(child), .. }) => child.setattr(name!("tail"), text)?,
                    Some(Open { element, .. }) => element.setattr(name!("text"), text)?,
                    None => {}
                }
            }
            Event::End => {
                let Some(Open { element, .. }) = open.pop() else { continue };
                match open.last_mut() {
                    Some(parent) => parent.child = Some(element),
                    None => root = Some(element),
                }
            }
            Event::Done => return root.ok_or_else(|| unusable("no element")),
        }
    }
}

/// Returns a name as a string, which is made once for a document.
fn named<'py>(
    py: Python<'py>,
    made: &mut Vec<Option<Bound<'py, PyString>>>,
    reader: &Reader<'_>,
    name: NameId,
) -> Result<Bound<'py, PyString>, ErrorSet> {
    if made.len() <= name.index() {
        made.resize(name.index() + 1, None);
    }
    if let Some(known) = &made[name.index()] {
        return Ok(known.clone());
    }
    let text = make::text(py, reader.names().name(name))?;
    made[name.index()] = Some(text.clone());
    Ok(text)
}
