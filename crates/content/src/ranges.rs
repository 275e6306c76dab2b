//! The field `Range` (RFC 9110 section 14): which bytes of a representation a client asks for.
//!
//! A request for ranges costs the client a line and the server as much as the client likes, so the field is ignored,
//! as section 14.2 allows, where the whole representation is the smaller answer.

use std::ops::Range;

/// The most ranges that are answered one by one. Clients that read the index of a document or of an archive ask for
/// three or four at a time.
pub const RANGES: usize = 16;
/// What the boundary and the fields of each part add to an answer of several parts, at least.
const PART_BYTES: u64 = 80;

/// What of a representation answers a request with the field `Range`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selection {
    /// All of it (200): the field is malformed, of another unit than bytes, or asks for too much.
    Whole,
    /// One range, or several in the order of the request (206). None is empty.
    Parts(Vec<Range<u64>>),
    /// Nothing (416): no range begins within the representation.
    Unsatisfiable,
}

/// Selects what a value of the field asks for of a representation of `size` bytes.
///
/// ```
/// use content::ranges::{Selection, select};
/// assert_eq!(select(b"bytes=0-4", 10), Selection::Parts(vec![0..5]));
/// assert_eq!(select(b"bytes=-3", 10), Selection::Parts(vec![7..10]));
/// assert_eq!(select(b"bytes=10-", 10), Selection::Unsatisfiable);
/// assert_eq!(select(b"lines=0-4", 10), Selection::Whole);
/// ```
#[must_use]
pub fn select(value: &[u8], size: u64) -> Selection {
    let Some((unit, set)) = split(value, b'=') else { return Selection::Whole };
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return Selection::Whole;
    }
    let mut parts = Vec::new();
    let mut is_empty = true;
    for (count, spec) in set.split(|byte| *byte == b',').map(trim).filter(|spec| !spec.is_empty()).enumerate()
    {
        is_empty = false;
        let Some(range) = resolve(spec, size) else { return Selection::Whole };
        if count >= RANGES {
            return Selection::Whole;
        }
        match range {
            // A suffix of nothing is nothing, and a part of no bytes can't be described (section 14.4).
            Resolved::Part(range) if range.is_empty() => return Selection::Whole,
            Resolved::Part(range) => parts.push(range),
            Resolved::Beyond => {}
        }
    }
    match parts.len() {
        0 if is_empty => Selection::Whole,
        0 => Selection::Unsatisfiable,
        1 => Selection::Parts(parts),
        _ if is_wasteful(&parts, size) => Selection::Whole,
        _ => Selection::Parts(parts),
    }
}

enum Resolved {
    Part(Range<u64>),
    /// It begins behind the end.
    Beyond,
}

/// Reads one range; `None` if it is malformed.
fn resolve(spec: &[u8], size: u64) -> Option<Resolved> {
    let (first, last) = split(spec, b'-')?;
    if first.is_empty() {
        let length = number(last)?;
        return Some(if length == 0 {
            Resolved::Beyond
        } else {
            Resolved::Part(size.saturating_sub(length)..size)
        });
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some(if first < size {
        Resolved::Part(first..last.saturating_add(1).min(size))
    } else {
        Resolved::Beyond
    })
}

/// Returns whether several parts overlap, or take as much as the whole. Those of a size near the highest number may add
/// up to more than that.
fn is_wasteful(parts: &[Range<u64>], size: u64) -> bool {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable_by_key(|part| part.start);
    let overlaps = sorted.windows(2).any(|pair| pair[1].start < pair[0].end);
    let add =
        |sum: u64, part: &Range<u64>| sum.saturating_add(part.end - part.start).saturating_add(PART_BYTES);
    overlaps || parts.iter().fold(0, add) >= size
}

/// Returns a number of any length; one above all sizes counts as the highest.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(digits.iter().fold(0, add))
}

fn split(value: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = value.iter().position(|byte| *byte == at)?;
    Some((&value[..place], &value[place + 1..]))
}

fn trim(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(value: &str, size: u64) -> Vec<(u64, u64)> {
        match select(value.as_bytes(), size) {
            Selection::Parts(parts) => parts.into_iter().map(|part| (part.start, part.end)).collect(),
            other => panic!("{value}: {other:?}"),
        }
    }

    #[test]
    fn the_examples_of_the_rfc() {
        assert_eq!(parts("bytes=0-499", 10_000), [(0, 500)]);
        assert_eq!(parts("bytes=500-999", 10_000), [(500, 1000)]);
        assert_eq!(parts("bytes=-500", 10_000), [(9500, 10_000)]);
        assert_eq!(parts("bytes=9500-", 10_000), [(9500, 10_000)]);
        assert_eq!(parts("bytes=0-0,-1", 10_000), [(0, 1), (9999, 10_000)]);
        assert_eq!(
            parts("bytes= 0-999, 4500-5499, -1000", 10_000),
            [(0, 1000), (4500, 5500), (9000, 10_000)]
        );
        assert_eq!(parts("bytes=500-600,601-999", 10_000), [(500, 601), (601, 1000)]);
    }

    #[test]
    fn ends_behind_the_end() {
        assert_eq!(parts("bytes=5-99999999999999999999999999", 10), [(5, 10)]);
        assert_eq!(parts("bytes=-99999999999999999999999999", 10), [(0, 10)]);
        assert_eq!(select(b"bytes=99999999999999999999999999-", 10), Selection::Unsatisfiable);
        assert_eq!(
            select(b"bytes=18446744073709551615-18446744073709551615", u64::MAX),
            Selection::Unsatisfiable
        );
        assert_eq!(parts("bytes=10-,0-1", 10), [(0, 2)]);
        assert_eq!(select(b"bytes=-0", 10), Selection::Unsatisfiable);
        assert_eq!(select(b"bytes=0-", 0), Selection::Unsatisfiable);
        assert_eq!(select(b"bytes=-1", 0), Selection::Whole);
    }

    #[test]
    fn what_is_malformed_is_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=5-4",
            "bytes=a-b",
            "bytes=1",
            "bytes 0-1",
            "=0-1",
            "bytes=0-1-2",
            "bytes=+0-1",
            "bytes=0-1;",
            "bytes=0 -1",
            "bytes=--1",
            "seconds=0-1",
            "bytes=0-1,x",
        ] {
            assert_eq!(select(value.as_bytes(), 10), Selection::Whole, "{value}");
        }
        assert_eq!(parts("Bytes=0-1", 10), [(0, 2)]);
        assert_eq!(parts("bytes=,0-1,,", 10), [(0, 2)]);
    }

    #[test]
    fn many_or_overlapping_ranges_are_answered_whole() {
        let many = |count: u64| {
            let specs: Vec<_> = (0..count).map(|place| format!("{0}-{0}", place * 1000)).collect();
            select(format!("bytes={}", specs.join(",")).as_bytes(), 1_000_000)
        };
        assert!(matches!(many(16), Selection::Parts(parts) if parts.len() == 16));
        assert_eq!(many(17), Selection::Whole);
        assert_eq!(select(b"bytes=0-,0-,0-", 1_000_000), Selection::Whole);
        assert_eq!(select(b"bytes=0-499999,499999-600000", 1_000_000), Selection::Whole);
        assert_eq!(select(b"bytes=0-0,2-2,4-4", 100), Selection::Whole);
        // Found by the fuzz target: their lengths add up to more than a number holds.
        assert_eq!(select(b"bytes=0-,0-,0-", u64::MAX), Selection::Whole);
        assert_eq!(select(b"bytes=0-18446744073709551000,18446744073709551001-", u64::MAX), Selection::Whole);
    }
}
