//! The different names of a document, each stored once.

use std::collections::HashMap;

use super::limits::Limits;

/// A name of a document.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NameId(usize);

/// The names of a document in the form of `xml.etree`: `{namespace}local`, or the local part alone.
#[derive(Default, Debug)]
pub struct Names {
    known: HashMap<Box<str>, NameId>,
    names: Vec<Box<str>>,
    bytes: usize,
    /// Where a name is put together before it is looked up.
    scratch: String,
}

impl NameId {
    /// A number from 0, in the order in which the names appear.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

impl Names {
    /// Returns a name as text.
    #[must_use]
    pub fn name(&self, id: NameId) -> &str {
        &self.names[id.0]
    }

    /// Returns the number of a name; `None` if it is one too many.
    pub(super) fn intern(&mut self, namespace: &str, local: &str, limits: &Limits) -> Option<NameId> {
        let mut name = std::mem::take(&mut self.scratch);
        name.clear();
        if !namespace.is_empty() {
            name.extend(["{", namespace, "}"]);
        }
        name.push_str(local);
        let found = self.known.get(&name[..]).copied().or_else(|| self.add(&name, limits));
        self.scratch = name;
        found
    }

    fn add(&mut self, name: &str, limits: &Limits) -> Option<NameId> {
        self.bytes += name.len();
        let id = NameId(self.names.len());
        (self.bytes <= limits.names_bytes).then(|| {
            self.names.push(name.into());
            self.known.insert(name.into(), id);
            id
        })
    }
}
