//! How much a document may contain.

/// The limits of a document. Its size as a whole is the caller's to limit.
///
/// ```
/// let limits = content::xml::Limits { depth: 16, ..content::xml::Limits::default() };
/// assert_eq!(limits.attributes, 256);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Elements within each other. Recursive code that goes through them needs a frame of the stack for each.
    pub depth: usize,
    /// Elements in all. Each takes some hundred bytes as an object, and four bytes in a document.
    pub elements: usize,
    /// Attributes and declarations of namespaces of an element.
    pub attributes: usize,
    /// Bytes of a name as it is written, or of a namespace.
    pub name_bytes: usize,
    /// Bytes of all different names together, each with its namespace: a long namespace makes short names long.
    pub names_bytes: usize,
    /// Bytes of the value of an attribute.
    pub value_bytes: usize,
    /// Declarations of namespaces that are in force at a place: each prefix is looked up among them.
    pub namespaces: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 200,
            elements: 100_000,
            attributes: 256,
            name_bytes: 1024,
            names_bytes: 1 << 20,
            value_bytes: 1 << 16,
            namespaces: 64,
        }
    }
}
