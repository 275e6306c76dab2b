//! Conditional requests (RFC 9110 section 13): whether the client has the representation already, or means another one.

use crate::http_date::parse_date;

/// The fields of a request that are conditions or a range. A list may be in several fields.
#[derive(Clone, Default, Debug)]
pub struct Conditions<'a> {
    if_match: Vec<&'a [u8]>,
    if_none_match: Vec<&'a [u8]>,
    if_modified_since: Single<'a>,
    if_unmodified_since: Single<'a>,
    if_range: Single<'a>,
    range: Single<'a>,
}

/// A field that is no list.
#[derive(Clone, Copy, Default, Debug)]
enum Single<'a> {
    #[default]
    Absent,
    Value(&'a [u8]),
    /// It is there more than once, which is an error of the client's: the field is ignored.
    Repeated,
}

/// What the current representation is known by.
#[derive(Clone, Copy, Debug)]
pub struct Validators<'a> {
    /// The entity tag as in the field `ETag`, with its quotes (section 8.8.3).
    pub etag: Option<&'a [u8]>,
    /// The field `Last-Modified`, in seconds since 1970 (section 8.8.2).
    pub last_modified: Option<i64>,
    /// The time of the response, in seconds since 1970.
    pub now: i64,
}

/// What is to be done with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict<'a> {
    /// The response is as without a condition; a range, if there is one, is a value of the field `Range`.
    Proceed {
        /// The range that is asked for.
        range: Option<&'a [u8]>,
    },
    /// 304: the client has the representation.
    NotModified,
    /// 412: the client means another representation.
    Failed,
}

impl<'a> Conditions<'a> {
    /// Takes the fields that are known here from all fields of a request.
    pub fn of(fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut found = Self::default();
        for (name, value) in fields {
            found.add(name, value);
        }
        found
    }

    /// Returns whether several ranges may be asked for, so that an answer needs a boundary.
    #[must_use]
    pub fn may_have_parts(&self) -> bool {
        self.range.value().is_some_and(|range| range.contains(&b','))
    }

    fn add(&mut self, name: &[u8], value: &'a [u8]) {
        // Most fields are none of these; all of these have one of two first letters.
        if !matches!(name.first(), Some(b'i' | b'I' | b'r' | b'R')) {
            return;
        }
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("if-none-match") {
            self.if_none_match.push(value);
        } else if is("if-modified-since") {
            self.if_modified_since.add(value);
        } else if is("range") {
            self.range.add(value);
        } else if is("if-range") {
            self.if_range.add(value);
        } else if is("if-match") {
            self.if_match.push(value);
        } else if is("if-unmodified-since") {
            self.if_unmodified_since.add(value);
        }
    }

    /// Evaluates the conditions in the order of section 13.2.2. The caller does so only if the response would have a
    /// status of success. Conditions on times and ranges apply to GET and HEAD.
    ///
    /// ```
    /// use content::conditions::{Conditions, Validators, Verdict};
    /// let fields = [(&b"if-none-match"[..], &b"\"a\", \"b\""[..])];
    /// let current = Validators { etag: Some(b"\"b\""), last_modified: None, now: 0 };
    /// assert_eq!(Conditions::of(fields).evaluate(b"GET", current), Verdict::NotModified);
    /// ```
    #[must_use]
    pub fn evaluate(&self, method: &[u8], current: Validators<'_>) -> Verdict<'a> {
        let is_get = method == b"GET";
        let reads = is_get || method == b"HEAD";
        if !self.if_match.is_empty() {
            if !matches_any(&self.if_match, current.etag, is_strong_match) {
                return Verdict::Failed;
            }
        } else if let (Some(limit), Some(modified)) =
            (self.if_unmodified_since.date(current.now), current.last_modified)
            && modified > limit
        {
            return Verdict::Failed;
        }
        if !self.if_none_match.is_empty() {
            if matches_any(&self.if_none_match, current.etag, is_weak_match) {
                return if reads { Verdict::NotModified } else { Verdict::Failed };
            }
        } else if reads
            && let (Some(limit), Some(modified)) =
                (self.if_modified_since.date(current.now), current.last_modified)
            && modified <= limit
        {
            return Verdict::NotModified;
        }
        let range = self.range.value().filter(|_| is_get && self.is_same(current));
        Verdict::Proceed { range }
    }

    /// Returns whether the representation is the one that `If-Range` means (section 13.1.5).
    fn is_same(&self, current: Validators<'_>) -> bool {
        match self.if_range {
            Single::Absent => true,
            Single::Repeated => false,
            Single::Value(tag) if tag.starts_with(b"\"") || tag.starts_with(b"W/") => {
                current.etag.is_some_and(|etag| is_strong_match(tag, etag))
            }
            // A date is a strong validator only if the representation can't have changed twice within its second
            // (section 8.8.2.2).
            Single::Value(date) => {
                let date = parse_date(date, current.now);
                date.is_some() && date == current.last_modified && date.is_some_and(|date| date < current.now)
            }
        }
    }
}

impl<'a> Single<'a> {
    fn add(&mut self, value: &'a [u8]) {
        *self = match self {
            Self::Absent => Self::Value(value),
            _ => Self::Repeated,
        };
    }

    fn value(self) -> Option<&'a [u8]> {
        if let Self::Value(value) = self { Some(value) } else { None }
    }

    fn date(self, now: i64) -> Option<i64> {
        self.value().and_then(|value| parse_date(value, now))
    }
}

/// Returns whether an entity tag is in a list of them. `*` stands for any representation, and there is one.
fn matches_any(lists: &[&[u8]], etag: Option<&[u8]>, is_match: fn(&[u8], &[u8]) -> bool) -> bool {
    lists
        .iter()
        .any(|list| *list == b"*" || etag.is_some_and(|etag| Tags(list).any(|tag| is_match(tag, etag))))
}

/// Section 8.8.3.2: both are strong, and the same.
fn is_strong_match(one: &[u8], other: &[u8]) -> bool {
    one == other && !one.starts_with(b"W/")
}

/// Section 8.8.3.2: the same, weak or not.
fn is_weak_match(one: &[u8], other: &[u8]) -> bool {
    one.strip_prefix(b"W/").unwrap_or(one) == other.strip_prefix(b"W/").unwrap_or(other)
}

/// The entity tags of a list. A tag may contain commas. The list ends where it is malformed.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.0.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b','))?;
        let rest = &self.0[start..];
        let opening = if rest.starts_with(b"W/\"") { 3 } else { 1 };
        if opening == 1 && rest[0] != b'"' {
            return None;
        }
        let end = opening + rest[opening..].iter().position(|byte| *byte == b'"')? + 1;
        let (tag, rest) = rest.split_at(end);
        self.0 = rest;
        Some(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 784_200_000;
    const TIME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const CURRENT: Validators<'_> =
        Validators { etag: Some(b"\"now\""), last_modified: Some(784_111_777), now: NOW };

    fn evaluate(
        method: &str,
        fields: &[(&'static str, &'static str)],
        current: Validators<'_>,
    ) -> Verdict<'static> {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        Conditions::of(fields).evaluate(method.as_bytes(), current)
    }

    fn get(fields: &[(&'static str, &'static str)]) -> Verdict<'static> {
        evaluate("GET", fields, CURRENT)
    }

    const PROCEED: Verdict<'_> = Verdict::Proceed { range: None };

    #[test]
    fn entity_tags_are_compared_weakly_to_save_a_transfer() {
        for list in ["\"now\"", "W/\"now\"", "\"x\", W/\"now\"", "\"a,b\",\"now\"", ",, \"now\" ,", "*"] {
            assert_eq!(get(&[("If-None-Match", list)]), Verdict::NotModified, "{list}");
        }
        for list in ["\"x\"", "now", "\"now", "", "\"x\" now", "w/\"now\"", "\"\"", "**"] {
            assert_eq!(get(&[("if-none-match", list)]), PROCEED, "{list}");
        }
        let in_two = [("if-none-match", "\"x\""), ("if-none-match", "\"now\"")];
        assert_eq!(get(&in_two), Verdict::NotModified);
        assert_eq!(evaluate("POST", &in_two, CURRENT), Verdict::Failed);
    }

    #[test]
    fn entity_tags_are_compared_strongly_to_prevent_a_change() {
        assert_eq!(get(&[("if-match", "\"x\", \"now\"")]), PROCEED);
        assert_eq!(get(&[("if-match", "*")]), PROCEED);
        assert_eq!(get(&[("if-match", "W/\"now\"")]), Verdict::Failed);
        assert_eq!(get(&[("if-match", "\"x\"")]), Verdict::Failed);
        let weak = Validators { etag: Some(b"W/\"now\""), ..CURRENT };
        assert_eq!(evaluate("GET", &[("if-match", "W/\"now\"")], weak), Verdict::Failed);
        assert_eq!(evaluate("GET", &[("if-none-match", "\"now\"")], weak), Verdict::NotModified);
        let none = Validators { etag: None, ..CURRENT };
        assert_eq!(evaluate("GET", &[("if-match", "\"now\"")], none), Verdict::Failed);
    }

    #[test]
    fn times_count_only_where_no_tag_does() {
        assert_eq!(get(&[("if-modified-since", TIME)]), Verdict::NotModified);
        assert_eq!(get(&[("if-modified-since", BEFORE)]), PROCEED);
        assert_eq!(get(&[("if-modified-since", "now")]), PROCEED);
        assert_eq!(get(&[("if-modified-since", TIME), ("if-modified-since", TIME)]), PROCEED);
        assert_eq!(get(&[("if-modified-since", TIME), ("if-none-match", "\"x\"")]), PROCEED);
        assert_eq!(evaluate("POST", &[("if-modified-since", TIME)], CURRENT), PROCEED);
        assert_eq!(get(&[("if-unmodified-since", TIME)]), PROCEED);
        assert_eq!(get(&[("if-unmodified-since", BEFORE)]), Verdict::Failed);
        assert_eq!(get(&[("if-unmodified-since", BEFORE), ("if-match", "\"now\"")]), PROCEED);
        // The first condition that does not hold decides.
        assert_eq!(get(&[("if-none-match", "\"now\""), ("if-match", "\"x\"")]), Verdict::Failed);
    }

    #[test]
    fn a_range_of_another_representation_is_not_sent() {
        let with = |condition| match get(&[("Range", "bytes=0-1"), ("If-Range", condition)]) {
            Verdict::Proceed { range } => range.is_some(),
            other => panic!("{other:?}"),
        };
        assert!(with("\"now\"") && with(TIME));
        for other in
            ["W/\"now\"", "\"x\"", "\"now\", \"now\"", BEFORE, "Sun, 06 Nov 1994 08:49:38 GMT", "", "*"]
        {
            assert!(!with(other), "{other}");
        }
        let at_once = Validators { now: 784_111_777, ..CURRENT };
        assert_eq!(evaluate("GET", &[("range", "bytes=0-1"), ("if-range", TIME)], at_once), PROCEED);
        let range = Verdict::Proceed { range: Some(&b"bytes=0-1"[..]) };
        assert_eq!(get(&[("range", "bytes=0-1")]), range);
        assert_eq!(get(&[("range", "bytes=0-1"), ("range", "bytes=0-1")]), PROCEED);
        assert_eq!(evaluate("HEAD", &[("range", "bytes=0-1")], CURRENT), PROCEED);
    }
}
