//! The open elements, and what start tags mean: names in their namespaces, and limits.

use super::characters::is_name;
use super::limits::Limits;
use super::names::{NameId, Names};
use super::namespaces::Namespaces;
use super::tag::{Attribute, Attributes, Fault};

pub(super) struct Elements {
    limits: Limits,
    names: Names,
    namespaces: Namespaces,
    /// The number of declarations that were in force before each open element.
    open: Vec<usize>,
    count: usize,
    /// The attributes of the last start tag.
    attributes: Vec<(NameId, String)>,
}

impl Elements {
    pub(super) fn new(limits: Limits) -> Self {
        let (names, namespaces) = (Names::default(), Namespaces::default());
        Self { limits, names, namespaces, open: Vec::new(), count: 0, attributes: Vec::new() }
    }

    pub(super) const fn names(&self) -> &Names {
        &self.names
    }

    pub(super) fn attributes(&self) -> &[(NameId, String)] {
        &self.attributes
    }

    /// Returns whether an element has started and not ended.
    pub(super) const fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Returns whether no element has started.
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Starts the element of a tag, which begins with a name.
    pub(super) fn start(&mut self, tag: &str, name: &str) -> Result<NameId, Fault> {
        if !self.is_open() && !self.is_empty() {
            return fail(0, "a second root element");
        }
        self.count += 1;
        if self.count > self.limits.elements {
            return fail(0, &format!("more than {} elements", self.limits.elements));
        }
        if self.open.len() == self.limits.depth {
            return fail(0, &format!("more than {} elements within each other", self.limits.depth));
        }
        self.split(name, 0)?;
        self.open.push(self.namespaces.len());
        let attributes = self.read_attributes(tag, name.len())?;
        let id = self.resolve(name, 0, Kind::Element)?;
        self.attributes.clear();
        for Attribute { name, value, place } in attributes {
            let name = self.resolve(name, place, Kind::Attribute)?;
            self.attributes.push((name, value));
        }
        let ids = self.attributes.iter().map(|(name, _)| *name);
        if has_repeated(ids) { fail(0, "an attribute that is there twice") } else { Ok(id) }
    }

    /// Ends the innermost element.
    pub(super) fn end(&mut self) {
        if let Some(before) = self.open.pop() {
            self.namespaces.truncate(before);
        }
    }

    /// Reads the attributes of a tag, and takes the declarations of namespaces out of them.
    fn read_attributes<'a>(&mut self, tag: &'a str, name_length: usize) -> Result<Vec<Attribute<'a>>, Fault> {
        let mut attributes = Attributes::new(tag, name_length);
        let mut found = Vec::new();
        let mut prefixes = Vec::new();
        while let Some(attribute) = attributes.next()? {
            let place = attribute.place;
            if found.len() + prefixes.len() == self.limits.attributes {
                return fail(place, &format!("more than {} attributes", self.limits.attributes));
            }
            if attribute.value.len() > self.limits.value_bytes {
                return fail(place, &format!("a value of more than {} bytes", self.limits.value_bytes));
            }
            match self.split(attribute.name, place)? {
                ("", "xmlns") => self.declare("", &attribute.value, place)?,
                ("xmlns", prefix) => self.declare(prefix, &attribute.value, place)?,
                _ => {
                    found.push(attribute);
                    continue;
                }
            }
            prefixes.push(attribute.name);
        }
        if has_repeated(found.iter().map(|attribute| attribute.name)) || has_repeated(prefixes.into_iter()) {
            return fail(0, "an attribute that is there twice");
        }
        Ok(found)
    }

    fn declare(&mut self, prefix: &str, uri: &str, place: usize) -> Result<(), Fault> {
        if self.namespaces.len() == self.limits.namespaces {
            return fail(place, &format!("more than {} namespaces", self.limits.namespaces));
        }
        if uri.len() > self.limits.name_bytes {
            return fail(place, &format!("a namespace of more than {} bytes", self.limits.name_bytes));
        }
        self.namespaces.declare(prefix, uri).map_err(|reason| (place, reason.to_owned()))
    }

    /// Returns a name in its namespace.
    fn resolve(&mut self, name: &str, place: usize, kind: Kind) -> Result<NameId, Fault> {
        let (prefix, local) = self.split(name, place)?;
        let namespace = match (kind, prefix) {
            (Kind::Attribute, "") => "",
            _ => self
                .namespaces
                .find(prefix)
                .ok_or_else(|| (place, "a prefix that is not declared".to_owned()))?,
        };
        let too_many = || (place, format!("names of more than {} bytes in all", self.limits.names_bytes));
        self.names.intern(namespace, local, &self.limits).ok_or_else(too_many)
    }

    /// Splits a name into its prefix, which may be empty, and the rest.
    fn split<'a>(&self, name: &'a str, place: usize) -> Result<(&'a str, &'a str), Fault> {
        if name.len() > self.limits.name_bytes {
            return fail(place, &format!("a name of more than {} bytes", self.limits.name_bytes));
        }
        match name.split_once(':') {
            Some((prefix, local)) if is_name(prefix) && is_name(local) => Ok((prefix, local)),
            None if is_name(name) => Ok(("", name)),
            _ => fail(place, "a malformed name"),
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Element,
    /// One without a prefix is in no namespace (Namespaces in XML section 6.2).
    Attribute,
}

fn has_repeated<T: Ord>(names: impl ExactSizeIterator<Item = T>) -> bool {
    if names.len() < 2 {
        return false;
    }
    let mut sorted: Vec<T> = names.collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

fn fail<T>(place: usize, reason: &str) -> Result<T, Fault> {
    Err((place, reason.to_owned()))
}
