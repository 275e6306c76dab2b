//! Patterns such as `/users/{id:int}`: their grammar, and comparing one with one path.
//!
//! A pattern is a path, not percent-encoded, in which whole segments are parameters: `{name}` or `{name:converter}`. A
//! parameter with the converter `path` is the last segment and takes the rest of the path. It knows no other patterns,
//! except for whether one path can match two.

use std::fmt;

use crate::captures::{Captures, PARAMETERS_AT_MOST, Range};
use crate::converter::Converter;

/// A parameter of a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameter {
    /// Its name, an identifier that no other parameter of the pattern has.
    pub name: Box<str>,
    /// What its value must look like.
    pub converter: Converter,
}

/// What a segment of a path must be. The order is that of precedence.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Segment {
    /// This text, empty only behind a trailing slash.
    Text(Box<str>),
    /// Any text that is not empty.
    Parameter,
    /// This and all further segments, or an empty text.
    Rest,
}

/// A pattern, compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    pub(crate) segments: Vec<Segment>,
    parameters: Vec<Parameter>,
}

/// Why a pattern is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadPattern {
    /// What was expected, with the part of the pattern that is wrong.
    message: String,
}

impl Pattern {
    /// Compiles a pattern. `custom` has the names of the program's own converters.
    ///
    /// # Errors
    ///
    /// The message names the part that is wrong.
    pub fn new(pattern: &str, custom: &[String]) -> Result<Self, BadPattern> {
        let Some(inner) = pattern.strip_prefix('/') else {
            return Err(bad(format!("expected a slash at the start of {pattern:?}")));
        };
        if let Some(wrong) = pattern.chars().find(|char| matches!(char, '\0' | '%' | '?' | '#')) {
            return Err(bad(format!(
                "{pattern:?} has {wrong:?}: expected a path that is not percent-encoded"
            )));
        }
        let mut compiled = Self { segments: Vec::new(), parameters: Vec::new() };
        for text in inner.split('/') {
            if compiled.segments.last() == Some(&Segment::Rest) {
                return Err(bad(format!("{pattern:?} goes on behind a parameter with the converter path")));
            }
            compiled.add(text, custom)?;
        }
        if compiled.segments.iter().rev().skip(1).any(|segment| *segment == Segment::Text("".into())) {
            return Err(bad(format!("{pattern:?} has an empty segment")));
        }
        Ok(compiled)
    }

    fn add(&mut self, text: &str, custom: &[String]) -> Result<(), BadPattern> {
        if !text.contains(['{', '}']) {
            self.segments.push(Segment::Text(text.into()));
            return Ok(());
        }
        let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let (name, converter) =
            inner.map_or(("", ""), |inner| inner.split_once(':').unwrap_or((inner, "str")));
        if !is_identifier(name) {
            return Err(bad(format!(
                "expected {{name}} or {{name:converter}} as a whole segment, not {text:?}"
            )));
        }
        if self.parameters.iter().any(|known| *known.name == *name) {
            return Err(bad(format!("two parameters are named {name:?}")));
        }
        let Some(converter) = Converter::named(converter, custom) else {
            return Err(bad(format!("no converter is named {converter:?}")));
        };
        if self.parameters.len() == PARAMETERS_AT_MOST {
            return Err(bad(format!("more than {PARAMETERS_AT_MOST} parameters")));
        }
        self.parameters.push(Parameter { name: name.into(), converter });
        self.segments.push(if converter == Converter::Path { Segment::Rest } else { Segment::Parameter });
        Ok(())
    }

    /// The parameters, in the order of the pattern.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Compares the segments with the text of a path. Converters are not asked.
    #[must_use]
    pub fn captures(&self, text: &str) -> Option<Captures> {
        captures(&self.segments, text)
    }
}

/// Compares segments with the text of a path.
pub(crate) fn captures(segments: &[Segment], text: &str) -> Option<Captures> {
    let mut captures = Captures::default();
    let mut start = 1;
    let last = segments.len() - 1;
    for (index, segment) in segments.iter().enumerate() {
        let rest = text.get(start..)?;
        if *segment == Segment::Rest {
            captures.push(Range::of(start, text.len()));
            return Some(captures);
        }
        let length = rest.find('/');
        if length.is_none() != (index == last) {
            return None;
        }
        let end = start + length.unwrap_or(rest.len());
        match segment {
            Segment::Text(expected) if **expected != text[start..end] => return None,
            Segment::Parameter if start == end => return None,
            Segment::Parameter => captures.push(Range::of(start, end)),
            _ => {}
        }
        start = end + 1;
    }
    Some(captures)
}

/// Where the parameters are in the text of a path that is known to match.
#[inline]
pub(crate) fn places(segments: &[Segment], text: &str) -> Captures {
    let mut captures = Captures::default();
    let mut start = 1;
    for segment in segments {
        let rest = text.as_bytes().get(start..).unwrap_or_default();
        let length = match segment {
            Segment::Text(text) => text.len(),
            Segment::Parameter => rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len()),
            Segment::Rest => rest.len(),
        };
        if !matches!(segment, Segment::Text(_)) {
            captures.push(Range::of(start, start + length));
        }
        start += length + 1;
    }
    captures
}

/// Whether a path exists that both match.
pub(crate) fn overlap(one: &[Segment], other: &[Segment]) -> bool {
    let has_rest = |segments: &[Segment]| segments.last() == Some(&Segment::Rest);
    // Most pairs of a large table differ in this.
    if one.len() != other.len() && !has_rest(one) && !has_rest(other) {
        return false;
    }
    for pair in one.iter().zip(other) {
        match pair {
            (Segment::Rest, _) | (_, Segment::Rest) => return true,
            (Segment::Text(one), Segment::Text(other)) if one != other => return false,
            (Segment::Text(text), Segment::Parameter) | (Segment::Parameter, Segment::Text(text))
                if text.is_empty() =>
            {
                return false;
            }
            _ => {}
        }
    }
    one.len() == other.len()
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.bytes();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && chars.all(|char| char.is_ascii_alphanumeric() || char == b'_')
}

fn bad(message: String) -> BadPattern {
    BadPattern { message }
}

impl fmt::Display for BadPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for BadPattern {}
