//! The table: finding the entry for a method and a path, in the order of precedence.
//!
//! Entries whose patterns differ only in names and converters share a shape. The shapes stand in a radix tree, which finds
//! one that fits a path. Where that is not the answer (a converter or the method refuses, or a shape that the tree has
//! no room for comes first) the other shapes that can fit the same path are tried in order: each shape has a list of
//! them, made once. The tree can't hold a parameter and a rest at one place; shapes that it refuses are tried one by one.

use std::collections::HashMap;

use crate::captures::Captures;
use crate::converter::Converter;
use crate::methods::Methods;
use crate::pattern::{BadPattern, Parameter, Pattern, Segment, captures, overlap, places};

/// Makes a table.
#[derive(Debug, Default)]
pub struct Builder {
    custom: Vec<String>,
    patterns: Vec<Pattern>,
    shapes: Vec<Shape>,
    by_segments: HashMap<Vec<Segment>, usize>,
}

/// Routes, compiled.
pub struct Table {
    patterns: Vec<Pattern>,
    shapes: Vec<Shape>,
    tree: matchit::Router<usize>,
    /// Shapes that are not in the tree, in order.
    outside: Vec<usize>,
}

/// An entry that answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its number, as `Builder::add` returned it.
    pub entry: usize,
    /// Where its parameters are in the text of the path.
    pub captures: Captures,
}

/// Patterns that match the same paths, but for their converters.
#[derive(Debug)]
struct Shape {
    segments: Box<[Segment]>,
    /// In the order in which they were added.
    entries: Vec<Entry>,
    /// All shapes that match some path which this one matches, itself among them, in order. Empty if it is the only one.
    rivals: Vec<usize>,
}

#[derive(Debug)]
struct Entry {
    number: usize,
    methods: Methods,
    /// The parameters that do not take any text, but for those with a converter of the program.
    checked: Vec<(usize, Converter)>,
    has_custom: bool,
}

impl Builder {
    /// Adds a route, and returns its number: they count from 0.
    ///
    /// # Errors
    ///
    /// The pattern is malformed.
    pub fn add(&mut self, pattern: &str, methods: Methods) -> Result<usize, BadPattern> {
        let pattern = Pattern::new(pattern, &self.custom)?;
        let number = self.patterns.len();
        let shape = *self.by_segments.entry(pattern.segments.clone()).or_insert_with(|| {
            let segments = pattern.segments.clone().into();
            self.shapes.push(Shape { segments, entries: Vec::new(), rivals: Vec::new() });
            self.shapes.len() - 1
        });
        let converters = pattern.parameters().iter().map(|parameter| parameter.converter).enumerate();
        let (custom, checked): (Vec<_>, Vec<_>) = converters
            .filter(|(_, converter)| !matches!(converter, Converter::Str | Converter::Path))
            .partition(|(_, converter)| matches!(converter, Converter::Custom(_)));
        self.shapes[shape].entries.push(Entry { number, methods, checked, has_custom: !custom.is_empty() });
        self.patterns.push(pattern);
        Ok(number)
    }

    /// The parameters of an entry, in the order of its captures.
    ///
    /// # Panics
    ///
    /// No entry has this number.
    #[must_use]
    pub fn parameters(&self, entry: usize) -> &[Parameter] {
        self.patterns[entry].parameters()
    }

    /// Compiles the table.
    #[must_use]
    pub fn build(mut self) -> Table {
        // The derived order of segments is not the one of precedence among fixed texts, but any order serves for those:
        // shapes that match one path have the same text, or a parameter, at each place.
        let mut ordered: Vec<(&Vec<Segment>, usize)> =
            self.by_segments.iter().map(|(segments, shape)| (segments, *shape)).collect();
        ordered.sort_unstable();
        let mut tree = matchit::Router::new();
        // Those that end in a rest come last, because a conflict in the tree refuses the later of the two.
        let (rests, others): (Vec<_>, Vec<_>) =
            ordered.iter().partition(|(segments, _)| segments.last() == Some(&Segment::Rest));
        let mut outside: Vec<usize> = Vec::new();
        for (segments, shape) in others.into_iter().chain(rests) {
            if tree.insert(key_of(segments), shape).is_err() {
                outside.push(shape);
            }
            if let Some((Segment::Rest, before)) = segments.split_last() {
                // A rest may be empty, but the tree wants a character. A shape with this text itself was inserted before,
                // and has this one among its rivals.
                let with_slash = [before, &[Segment::Text("".into())]].concat();
                tree.insert(key_of(&with_slash), shape).ok();
            }
        }
        for (segments, shape) in &ordered {
            let rivals: Vec<usize> = ordered
                .iter()
                .filter(|(other, _)| overlap(segments, other))
                .map(|(_, shape)| *shape)
                .collect();
            if rivals.len() > 1 {
                self.shapes[*shape].rivals = rivals;
            }
        }
        Table { patterns: self.patterns, shapes: self.shapes, tree, outside }
    }
}

impl Table {
    /// Returns an empty table to add routes to. `custom` has the names of the program's own converters.
    #[must_use]
    pub fn builder(custom: &[&str]) -> Builder {
        Builder { custom: custom.iter().map(|name| (*name).to_owned()).collect(), ..Builder::default() }
    }

    /// The parameters of an entry, in the order of its captures.
    ///
    /// # Panics
    ///
    /// No entry has this number.
    #[must_use]
    pub fn parameters(&self, entry: usize) -> &[Parameter] {
        self.patterns[entry].parameters()
    }

    /// Finds the entry for a request. HEAD is answered by an entry for GET if the shape has none for HEAD.
    ///
    /// `text` is that of a [`Path`](crate::Path). `accept` is asked for an entry with converters of the program's own,
    /// once everything else fits.
    ///
    /// # Errors
    ///
    /// `accept` returned this error.
    #[inline]
    pub fn find<E>(
        &self,
        method: &[u8],
        text: &str,
        mut accept: impl FnMut(usize, &Captures) -> Result<bool, E>,
    ) -> Result<Option<Found>, E> {
        let Some((shape, captures)) = self.in_tree(text) else {
            return self.find_among(&self.outside, method, text, &mut accept);
        };
        let rivals = &self.shapes[shape].rivals[..];
        // The plain case: nothing else fits, or nothing else comes first and this has the method.
        if rivals.first().is_none_or(|first| *first == shape) {
            let found = self.find_in(shape, method, text, &captures, &mut accept)?;
            if found.is_some() || rivals.is_empty() {
                return Ok(found);
            }
            return self.find_among(&rivals[1..], method, text, &mut accept);
        }
        self.find_among(rivals, method, text, &mut accept)
    }

    /// The methods of all entries that match a path; none if no entry does.
    ///
    /// # Errors
    ///
    /// `accept` returned this error.
    pub fn allowed<E>(
        &self,
        text: &str,
        mut accept: impl FnMut(usize, &Captures) -> Result<bool, E>,
    ) -> Result<Methods, E> {
        let mut methods = Methods::default();
        let found = self.in_tree(text).map(|(shape, _)| [shape]);
        let shapes = match &found {
            None => &self.outside[..],
            Some(alone) => match &self.shapes[alone[0]].rivals[..] {
                [] => alone,
                rivals => rivals,
            },
        };
        for shape in shapes {
            let Some(captures) = self.captures_of(*shape, text) else { continue };
            for entry in &self.shapes[*shape].entries {
                if matches(entry, text, &captures, &mut accept)? {
                    methods.extend(&entry.methods);
                }
            }
        }
        Ok(methods)
    }

    /// The first of these shapes, in their order, that has an entry for the request.
    fn find_among<E>(
        &self,
        shapes: &[usize],
        method: &[u8],
        text: &str,
        accept: &mut impl FnMut(usize, &Captures) -> Result<bool, E>,
    ) -> Result<Option<Found>, E> {
        for shape in shapes {
            let Some(captures) = self.captures_of(*shape, text) else { continue };
            if let Some(found) = self.find_in(*shape, method, text, &captures, accept)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The entry of one shape that answers.
    #[inline]
    fn find_in<E>(
        &self,
        shape: usize,
        method: &[u8],
        text: &str,
        captures: &Captures,
        accept: &mut impl FnMut(usize, &Captures) -> Result<bool, E>,
    ) -> Result<Option<Found>, E> {
        let entries = &self.shapes[shape].entries;
        for entry in entries {
            if entry.methods.contains(method) && matches(entry, text, captures, accept)? {
                return Ok(Some(Found { entry: entry.number, captures: *captures }));
            }
        }
        if method == b"HEAD" {
            for entry in entries {
                if entry.methods.answers_head() && matches(entry, text, captures, accept)? {
                    return Ok(Some(Found { entry: entry.number, captures: *captures }));
                }
            }
        }
        Ok(None)
    }

    /// A shape of the tree that matches.
    #[inline]
    fn in_tree(&self, text: &str) -> Option<(usize, Captures)> {
        let found = self.tree.at(text).ok()?;
        let shape = *found.value;
        // Counting segments is faster than the parameters of the tree, which have names and are checked for UTF-8.
        Some((shape, places(&self.shapes[shape].segments, text)))
    }

    fn captures_of(&self, shape: usize, text: &str) -> Option<Captures> {
        captures(&self.shapes[shape].segments, text)
    }
}

/// Whether the converters of an entry accept the parameters.
#[inline]
fn matches<E>(
    entry: &Entry,
    text: &str,
    captures: &Captures,
    accept: &mut impl FnMut(usize, &Captures) -> Result<bool, E>,
) -> Result<bool, E> {
    for (index, converter) in &entry.checked {
        let value = captures.get(*index).and_then(|range| text.get(range.indices()));
        if !value.is_some_and(|value| converter.accepts(value)) {
            return Ok(false);
        }
    }
    if entry.has_custom { accept(entry.number, captures) } else { Ok(true) }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Table").field("patterns", &self.patterns).finish_non_exhaustive()
    }
}

/// The route of the tree for a shape. Its parameters have numbers for names, and a fixed text has no braces.
fn key_of(segments: &[Segment]) -> String {
    let mut key = String::new();
    for (index, segment) in segments.iter().enumerate() {
        key.push('/');
        match segment {
            Segment::Text(text) => key.push_str(text),
            Segment::Parameter => key.push_str(&format!("{{p{index}}}")),
            Segment::Rest => key.push_str(&format!("{{*p{index}}}")),
        }
    }
    key
}
