//! Bytes of a peer as text: nothing in it ends a quotation, a line, or a string of JSON, and nothing changes how a terminal
//! shows the rest.

use std::io::Write as _;

/// How bytes are written that can't stand for themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Escapes {
    /// `%22`.
    Percent,
    /// `\x22`.
    Backslash,
    /// `\u0022`, within quotes.
    Json,
}

/// Appends a part of a request line: escapes are those of URLs.
pub(super) fn target(bytes: &[u8], out: &mut Vec<u8>) {
    escape(bytes, Escapes::Percent, out);
}

/// Appends the value of a field.
pub(super) fn field(bytes: &[u8], out: &mut Vec<u8>) {
    escape(bytes, Escapes::Backslash, out);
}

/// Appends a string of JSON, with its quotes.
pub(super) fn json(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    escape(bytes, Escapes::Json, out);
    out.push(b'"');
}

/// So many bytes are looked at together, by vector instructions.
const LANE: usize = 16;

/// Returns whether all bytes stand for themselves everywhere.
#[inline]
fn are_plain(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<LANE>() else { return has_only_plain(bytes) };
    // The last lane may cover bytes of the one before.
    bytes.as_chunks::<LANE>().0.iter().all(|lane| has_only_plain(lane)) && has_only_plain(last)
}

/// Does the same without a branch for each byte.
#[inline(always)]
fn has_only_plain(bytes: &[u8]) -> bool {
    let is_odd = |byte: u8| byte.wrapping_sub(b' ') > b'~' - b' ' || byte == b'"' || byte == b'\\';
    bytes.iter().fold(0, |found, byte| found | u8::from(is_odd(*byte))) == 0
}

fn escape(bytes: &[u8], escapes: Escapes, out: &mut Vec<u8>) {
    if are_plain(bytes) {
        out.extend_from_slice(bytes);
    } else {
        escape_odd(bytes, escapes, out);
    }
}

#[cold]
fn escape_odd(bytes: &[u8], escapes: Escapes, out: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_plain(character) {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                add(character, escapes, out);
            }
        }
        for byte in chunk.invalid() {
            match escapes {
                Escapes::Json => out.extend_from_slice(b"\\ufffd"),
                _ => add_byte(*byte, escapes, out),
            }
        }
    }
}

/// Returns whether a character stands for itself: not one that controls a line, nor one that turns the direction of text or
/// can't be seen.
fn is_plain(character: char) -> bool {
    match character {
        '"' | '\\' => false,
        ' '..='~' => true,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => false,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => false,
        '\u{e0000}'..='\u{e007f}' => false,
        other => !other.is_control(),
    }
}

fn add(character: char, escapes: Escapes, out: &mut Vec<u8>) {
    if escapes == Escapes::Json {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            _ => {
                // Beyond U+FFFF there are two (RFC 8259, section 7).
                for unit in character.encode_utf16(&mut [0; 2]) {
                    add_text(format_args!("\\u{unit:04x}"), out);
                }
            }
        }
        return;
    }
    let mut buffer = [0; 4];
    for byte in character.encode_utf8(&mut buffer).bytes() {
        add_byte(byte, escapes, out);
    }
}

fn add_byte(byte: u8, escapes: Escapes, out: &mut Vec<u8>) {
    match escapes {
        Escapes::Percent => add_text(format_args!("%{byte:02X}"), out),
        Escapes::Backslash | Escapes::Json => add_text(format_args!("\\x{byte:02x}"), out),
    }
}

fn add_text(text: std::fmt::Arguments<'_>, out: &mut Vec<u8>) {
    // Memory takes everything.
    out.write_fmt(text).unwrap_or_default();
}
