//! A set of methods: a bit for each that is common, and a list for the others.
//!
//! Methods are case-sensitive tokens (RFC 9110 section 9.1); any token may be one.

/// The methods with a bit, in the order in which `Allow` names them.
const COMMON: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "TRACE", "CONNECT"];
const GET: u16 = 1;
const HEAD: u16 = 2;

/// The methods of an entry, or all of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Methods {
    bits: u16,
    others: Vec<Box<str>>,
    is_any: bool,
}

impl Methods {
    /// Every method.
    #[must_use]
    pub fn any() -> Self {
        Self { is_any: true, ..Self::default() }
    }

    /// These methods.
    #[must_use]
    pub fn of<M: AsRef<str>>(names: impl IntoIterator<Item = M>) -> Self {
        let mut methods = Self::default();
        for name in names {
            methods.add(name.as_ref());
        }
        methods
    }

    fn add(&mut self, name: &str) {
        let bit = bit_of(name.as_bytes());
        self.bits |= bit;
        if bit == 0 && !self.others.iter().any(|known| **known == *name) {
            self.others.push(name.into());
        }
    }

    /// Adds those of another set.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.bits |= other.bits;
        self.is_any |= other.is_any;
        for name in &other.others {
            self.add(name);
        }
    }

    /// Whether this method is in the set itself: HEAD only if it was named.
    #[inline]
    #[must_use]
    pub fn contains(&self, method: &[u8]) -> bool {
        let bit = bit_of(method);
        self.is_any
            || self.bits & bit != 0
            || (bit == 0 && self.others.iter().any(|known| known.as_bytes() == method))
    }

    /// Whether the set answers HEAD because it has GET.
    pub(crate) fn answers_head(&self) -> bool {
        self.bits & GET != 0
    }

    /// Whether it is every method.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.is_any
    }

    /// Whether it is no method.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.is_any && self.bits == 0 && self.others.is_empty()
    }

    /// The names for `Allow` (RFC 9110 section 10.2.1): HEAD is among them where GET is. Common methods come first, others
    /// in the order in which they were added. Nothing if it is every method.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let bits = if self.answers_head() { self.bits | HEAD } else { self.bits };
        let common = COMMON.iter().enumerate().filter(move |(index, _)| bits & (1 << index) != 0);
        common.map(|(_, name)| *name).chain(self.others.iter().map(AsRef::as_ref))
    }
}

/// The bit of a common method, or 0.
#[inline]
fn bit_of(method: &[u8]) -> u16 {
    match method {
        b"GET" => GET,
        b"HEAD" => HEAD,
        b"POST" => 4,
        b"PUT" => 8,
        b"PATCH" => 16,
        b"DELETE" => 32,
        b"OPTIONS" => 64,
        b"QUERY" => 128,
        b"TRACE" => 256,
        b"CONNECT" => 512,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_common_method_has_a_bit_of_its_own() {
        for (index, name) in COMMON.iter().enumerate() {
            assert_eq!(bit_of(name.as_bytes()), 1 << index, "{name}");
        }
    }

    #[test]
    fn any_token_is_a_method_and_its_case_counts() {
        let methods = Methods::of(["PURGE", "GET", "PURGE", "get"]);
        assert!(methods.contains(b"PURGE") && methods.contains(b"GET") && methods.contains(b"get"));
        assert!(!methods.contains(b"purge") && !methods.contains(b"HEAD") && !methods.contains(b""));
        assert_eq!(methods.names().collect::<Vec<_>>(), ["GET", "HEAD", "PURGE", "get"]);
    }

    #[test]
    fn every_method_has_no_names() {
        assert!(Methods::any().contains(b"ANYTHING"));
        assert_eq!(Methods::any().names().count(), 0);
        assert!(Methods::default().is_empty() && !Methods::any().is_empty());
    }
}
