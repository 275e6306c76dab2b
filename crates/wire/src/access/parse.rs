//! A format as text becomes parts: `%(NAME)s` with flags, width and precision as in C, `%%`, and text between them.

use std::fmt;

use super::atoms::{Atoms, Kind};
use super::part::{Conversion, Part};

/// A fault of a format: what there is, and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FormatError(Box<str>);

impl fmt::Display for FormatError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for FormatError {}

fn fault<T>(place: &str, what: &str) -> Result<T, FormatError> {
    Err(FormatError(format!("{place}: {what}").into()))
}

/// Widths and precisions have so many digits at most.
const DIGITS_AT_MOST: usize = 2;

/// Returns the parts of a format, each atom with its name.
pub(super) fn parts<E: Fn(&str) -> Option<String>>(
    format: &str,
    atoms: &mut Atoms<E>,
) -> Result<Vec<(Box<str>, Part)>, FormatError> {
    if format.is_empty() {
        return Err(FormatError("an empty format".into()));
    }
    if format.chars().any(|character| character.is_control() && character != '\t') {
        return Err(FormatError("a format is one line, without control characters but tabs".into()));
    }
    let mut parts: Vec<(Box<str>, Part)> = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some(place) = rest.find('%') {
        text.push_str(&rest[..place]);
        rest = &rest[place..];
        if let Some(after) = rest.strip_prefix("%%") {
            text.push('%');
            rest = after;
            continue;
        }
        let (name, part, length) = atom(rest, atoms)?;
        if !text.is_empty() {
            parts.push(("".into(), Part::Text(std::mem::take(&mut text).into())));
        }
        parts.push((name.into(), part));
        rest = &rest[length..];
    }
    text.push_str(rest);
    if !text.is_empty() {
        parts.push(("".into(), Part::Text(text.into())));
    }
    Ok(parts)
}

/// Reads the atom at the front. Returns its name, the part, and the length of its text.
fn atom<'a, E: Fn(&str) -> Option<String>>(
    text: &'a str,
    atoms: &mut Atoms<E>,
) -> Result<(&'a str, Part, usize), FormatError> {
    let Some(inner) = text.strip_prefix("%(") else {
        let shown: String = text.chars().take(2).collect();
        return fault(&shown, "expected %(NAME)s, or %% for a percent sign");
    };
    let Some(end) = inner.find(')') else {
        return fault(text, "expected a closing parenthesis");
    };
    let (name, after) = (&inner[..end], &inner[end + 1..]);
    let (conversion, length) = conversion(after);
    let whole = &text[..text.len() - after.len() + length.unwrap_or(0)];
    let (Some(conversion), Some(length)) = (conversion, length) else {
        return fault(whole, "expected a conversion after it: s, d, i or f, as in %(h)s and %(dt_ms).3f");
    };
    let Some(atom) = atoms.find(name) else {
        return fault(whole, "there is no atom of this name");
    };
    if atom.kind() == Kind::Text && (conversion.is_whole || conversion.is_decimal) {
        return fault(whole, "the value is text, which takes the conversion s");
    }
    Ok((name, Part::Atom(atom, conversion), text.len() - after.len() + length))
}

/// Reads flags, width, precision and letter at the front, and returns their length.
fn conversion(text: &str) -> (Option<Conversion>, Option<usize>) {
    let mut found = Conversion::PLAIN;
    let mut rest = text;
    while let Some(after) = rest.strip_prefix(['-', '0']) {
        found.is_left |= rest.starts_with('-');
        found.is_zero |= rest.starts_with('0');
        rest = after;
    }
    let Some((width, after)) = number(rest) else { return (None, None) };
    (found.width, rest) = (width.unwrap_or(0), after);
    if let Some(after) = rest.strip_prefix('.') {
        let Some((precision, after)) = number(after) else { return (None, None) };
        (found.precision, rest) = (Some(precision.unwrap_or(0)), after);
    }
    match rest.chars().next() {
        Some('s') => {}
        Some('d' | 'i') => found.is_whole = true,
        Some('f') => found.is_decimal = true,
        _ => return (None, None),
    }
    (Some(found), Some(text.len() - rest.len() + 1))
}

/// Reads digits at the front; `None` for too many.
fn number(text: &str) -> Option<(Option<usize>, &str)> {
    let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    match digits {
        0 => Some((None, text)),
        1..=DIGITS_AT_MOST => Some((text[..digits].parse().ok(), &text[digits..])),
        _ => None,
    }
}
