//! The declarations of namespaces that are in force (Namespaces in XML sections 3 to 6).

/// The namespace of the prefix `xml`, which needs no declaration.
pub(super) const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of declarations, which nothing may be bound to.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// The declarations of the open elements, the innermost last.
#[derive(Default, Debug)]
pub(super) struct Namespaces(Vec<Declaration>);

#[derive(Debug)]
struct Declaration {
    /// Empty for the default namespace.
    prefix: Box<str>,
    /// Empty if there is no namespace any more.
    uri: Box<str>,
}

impl Namespaces {
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// Adds a declaration. The error is the end of a sentence.
    pub(super) fn declare(&mut self, prefix: &str, uri: &str) -> Result<(), &'static str> {
        if prefix == "xmlns" || uri == XMLNS {
            return Err("a declaration of the prefix xmlns");
        }
        if (prefix == "xml") != (uri == XML) {
            return Err("a declaration that changes the prefix xml");
        }
        if uri.is_empty() && !prefix.is_empty() {
            return Err("a prefix without a namespace");
        }
        self.0.push(Declaration { prefix: prefix.into(), uri: uri.into() });
        Ok(())
    }

    /// Returns the namespace of a prefix, or of none.
    pub(super) fn find(&self, prefix: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|declaration| &*declaration.prefix == prefix);
        match (prefix, found) {
            (_, Some(declaration)) => Some(&declaration.uri),
            ("", None) => Some(""),
            ("xml", None) => Some(XML),
            _ => None,
        }
    }
}
