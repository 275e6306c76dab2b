//! Elements as a document. They are copied in one walk, because reading their attributes may run code that changes them,
//! and written from the copy; the prefixes are declared at the root, as `xml.etree` does.

use std::collections::HashMap;

use content::xml::{Writer, reserved_prefix, split_name};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyString};

use super::etree::{element_tree, unusable};
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// The form of `xml.etree`.
const DECLARATION: &str = "<?xml version='1.0' encoding='utf-8'?>\n";
/// The most elements within each other: more are a circle, as of an element that is its own child.
const DEPTH: usize = 10_000;

/// A part of the copy.
enum Part {
    Start { name: String, attributes: Vec<(String, String)> },
    Text(String),
    Comment(String),
    Instruction(String),
    End,
}

/// Writes a document.
pub(super) fn write<'py>(element: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = element.py();
    let root = match element.getattr_opt(name!("getroot"))? {
        Some(getroot) => getroot.call0()?,
        None => element.clone(),
    };
    let mut copy = Copy::new(py)?;
    copy.walk(&root)?;
    let mut writer = Writer::default();
    let mut declarations = Some(copy.prefixes.declarations());
    for part in &copy.parts {
        let written = match part {
            Part::Start { name, attributes } => writer.start(name).and_then(|()| {
                let declared = declarations.take().unwrap_or_default();
                declared.iter().chain(attributes).try_for_each(|(name, value)| writer.attribute(name, value))
            }),
            Part::Text(text) => writer.text(text),
            Part::Comment(text) => writer.comment(text),
            Part::Instruction(text) => writer.instruction(text),
            Part::End => {
                writer.end();
                Ok(())
            }
        };
        written.map_err(|error| unusable(format!("{error}: {:?}", part.shown())))?;
    }
    Ok(make::bytes(py, [DECLARATION, &writer.finish()].concat().as_bytes())?.into_any())
}

impl Part {
    /// Returns the text that is shown in an error.
    fn shown(&self) -> &str {
        match self {
            Self::Start { name: text, .. } | Self::Text(text) | Self::Comment(text) => text,
            Self::Instruction(text) => text,
            Self::End => "",
        }
    }
}

/// The prefixes of namespaces: those that `xml.etree` has registered, and numbered ones.
struct Prefixes<'py> {
    registered: Bound<'py, PyDict>,
    known: HashMap<String, String>,
}

impl Prefixes<'_> {
    /// Returns a name with its prefix.
    fn prefixed(&mut self, name: &str) -> Result<String, ErrorSet> {
        let malformed = || unusable(format!("XML allows no such name: {name:?}"));
        let (namespace, local) = split_name(name).ok_or_else(malformed)?;
        // A colon would be read as the end of a prefix that is not declared.
        if local.contains(':') {
            return Err(malformed());
        }
        if namespace.is_empty() {
            return Ok(local.to_owned());
        }
        if let Some(prefix) = reserved_prefix(namespace) {
            return Ok(format!("{prefix}:{local}"));
        }
        if let Some(prefix) = self.known.get(namespace) {
            return Ok(format!("{prefix}:{local}"));
        }
        let registered = self.registered.get_item(make::text(self.registered.py(), namespace)?)?;
        let prefix = match registered {
            Some(prefix) => prefix.cast::<PyString>().map_err(PyErr::from)?.to_cow()?.into_owned(),
            None => format!("ns{}", self.known.len()),
        };
        let name = format!("{prefix}:{local}");
        self.known.insert(namespace.to_owned(), prefix);
        Ok(name)
    }

    /// Returns the attributes that declare the prefixes.
    fn declarations(&self) -> Vec<(String, String)> {
        let declared =
            |(namespace, prefix): (&String, &String)| (format!("xmlns:{prefix}"), namespace.clone());
        let mut declarations: Vec<_> = self.known.iter().map(declared).collect();
        declarations.sort_unstable();
        declarations
    }
}

/// A copy of elements.
struct Copy<'py> {
    parts: Vec<Part>,
    prefixes: Prefixes<'py>,
    qualified_name: Bound<'py, PyAny>,
    comment: Bound<'py, PyAny>,
    instruction: Bound<'py, PyAny>,
}

/// An element whose children are walked through, and what stands behind it.
struct Walk<'py> {
    children: Bound<'py, PyIterator>,
    tail: Bound<'py, PyAny>,
}

impl<'py> Copy<'py> {
    fn new(py: Python<'py>) -> Result<Self, ErrorSet> {
        let module = element_tree(py)?;
        let registered =
            module.getattr(name!("_namespace_map"))?.cast_into::<PyDict>().map_err(PyErr::from)?;
        Ok(Self {
            parts: Vec::new(),
            prefixes: Prefixes { registered, known: HashMap::new() },
            qualified_name: module.getattr(name!("QName"))?,
            comment: module.getattr(name!("Comment"))?,
            instruction: module.getattr(name!("ProcessingInstruction"))?,
        })
    }

    /// Copies an element with all that is within it.
    fn walk(&mut self, root: &Bound<'py, PyAny>) -> Result<(), ErrorSet> {
        let Some(children) = self.start(root)? else {
            return Err(unusable("a document has an element, not only a comment"));
        };
        let mut open = vec![Walk { children, tail: root.py().None().into_bound(root.py()) }];
        while let Some(innermost) = open.last_mut() {
            let Some(child) = innermost.children.next() else {
                let ended = open.pop();
                self.parts.push(Part::End);
                ended.map_or(Ok(()), |ended| self.text(&ended.tail))?;
                continue;
            };
            let child = child?;
            let tail = child.getattr(name!("tail"))?;
            match self.start(&child)? {
                Some(_) if open.len() == DEPTH => {
                    return Err(unusable(format!("more than {DEPTH} elements within each other")));
                }
                Some(children) => open.push(Walk { children, tail }),
                None => self.text(&tail)?,
            }
        }
        Ok(())
    }

    /// Copies what stands before the children of an element, which it returns; `None` for a comment or an instruction.
    fn start(&mut self, element: &Bound<'py, PyAny>) -> Result<Option<Bound<'py, PyIterator>>, ErrorSet> {
        let tag = element.getattr(name!("tag"))?;
        let text = element.getattr(name!("text"))?;
        if tag.is(&self.comment) || tag.is(&self.instruction) {
            let text = if text.is_none() { String::new() } else { string(&text)? };
            self.parts.push(if tag.is(&self.comment) {
                Part::Comment(text)
            } else {
                Part::Instruction(text)
            });
            return Ok(None);
        }
        let name = self.name(&tag)?;
        let mut attributes = Vec::new();
        for pair in element.call_method0(name!("items"))?.try_iter()? {
            let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
            attributes.push((self.name(&name)?, self.value(&value)?));
        }
        self.parts.push(Part::Start { name, attributes });
        self.text(&text)?;
        Ok(Some(element.try_iter()?))
    }

    fn text(&mut self, text: &Bound<'py, PyAny>) -> Result<(), ErrorSet> {
        if !text.is_none() {
            let text = self.value(text)?;
            self.parts.push(Part::Text(text));
        }
        Ok(())
    }

    /// Returns a name with its prefix: a string, or a `QName`.
    fn name(&mut self, name: &Bound<'py, PyAny>) -> Result<String, ErrorSet> {
        let text = match name.is_instance(&self.qualified_name)? {
            true => string(&name.getattr(name!("text"))?)?,
            false => string(name)?,
        };
        self.prefixes.prefixed(&text)
    }

    /// Returns a text or a value: a string, or a `QName` as a name with its prefix.
    fn value(&mut self, value: &Bound<'py, PyAny>) -> Result<String, ErrorSet> {
        if value.is_instance(&self.qualified_name)? { self.name(value) } else { string(value) }
    }
}

fn string(value: &Bound<'_, PyAny>) -> Result<String, ErrorSet> {
    match value.cast::<PyString>() {
        Ok(text) => Ok(text.to_cow()?.into_owned()),
        Err(_) => {
            let kind = value.get_type().name()?;
            Err(new_error::<PyTypeError>(format!("names and texts of elements are str, not {kind}")).into())
        }
    }
}
