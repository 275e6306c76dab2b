//! Processing instructions and the declaration of XML (XML 1.0 sections 2.6 and 2.8).

use super::characters::is_name;
use super::tag::{Attributes, Fault};

/// Checks an instruction, without its `<?` and `?>`.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    let target = text.split([' ', '\t', '\n']).next().unwrap_or_default();
    let is_right = is_name(target) && !target.eq_ignore_ascii_case("xml");
    if is_right { Ok(()) } else { Err((0, "a malformed processing instruction".to_owned())) }
}

/// Checks the declaration, which begins with `xml`.
pub(super) fn check_declaration(text: &str) -> Result<(), Fault> {
    let mut parts = Attributes::new(text, 3);
    let mut expected = ["version", "encoding", "standalone"].iter();
    let mut has_version = false;
    while let Some(part) = parts.next().map_err(|(place, reason)| (place + 2, reason))? {
        // They come in this order, and only the first has to be there.
        let is_known = expected.any(|name| *name == part.name);
        let value = &part.value[..];
        let is_right = match part.name {
            "version" => value.strip_prefix("1.").is_some_and(|minor| !minor.is_empty() && is_number(minor)),
            "encoding" => is_encoding(value),
            _ => matches!(value, "yes" | "no"),
        };
        has_version |= part.name == "version";
        if !is_known || !is_right || !has_version {
            return Err((part.place + 2, "a malformed declaration".to_owned()));
        }
    }
    if has_version { Ok(()) } else { Err((0, "a declaration without a version".to_owned())) }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_encoding(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    name.starts_with(|letter: char| letter.is_ascii_alphabetic()) && name.bytes().all(is_part)
}
