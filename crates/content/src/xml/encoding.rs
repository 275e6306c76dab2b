//! Which encoding a document is in (XML 1.0 section 4.3.3 and appendix F, RFC 7303).

/// The encodings that are read. What is not UTF-8 is decoded by Python, whose names of the codecs these are: only codecs
/// that take time in proportion to their input, and that have one meaning.
const CODECS: [&str; 30] = [
    "utf-8",
    "utf-16-le",
    "utf-16-be",
    "ascii",
    "iso8859-1",
    "iso8859-2",
    "iso8859-3",
    "iso8859-4",
    "iso8859-5",
    "iso8859-6",
    "iso8859-7",
    "iso8859-8",
    "iso8859-9",
    "iso8859-10",
    "iso8859-13",
    "iso8859-14",
    "iso8859-15",
    "iso8859-16",
    "cp1250",
    "cp1251",
    "cp1252",
    "koi8-r",
    "koi8-u",
    "shift_jis",
    "euc_jp",
    "iso2022_jp",
    "gb2312",
    "gb18030",
    "big5",
    "euc_kr",
];

/// How the bytes of a document become text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding<'a> {
    /// UTF-8, from this byte on: behind a byte order mark.
    Utf8(usize),
    /// A codec of Python's, from this byte on.
    Codec(&'static str, usize),
    /// A name that is not known here.
    Unknown(&'a str),
}

/// Returns the encoding of a document: by its byte order mark, else by the parameter `charset` of its media type, else by
/// its declaration, else UTF-8.
///
/// ```
/// use content::xml::{Encoding, detect};
/// assert_eq!(detect(b"<a/>", None), Encoding::Utf8(0));
/// assert_eq!(detect(b"<?xml version='1.0' encoding='Latin1'?><a/>", None), Encoding::Codec("iso8859-1", 0));
/// assert_eq!(detect(b"\xfe\xff\0<\0a\0/\0>", Some("utf-8")), Encoding::Codec("utf-16-be", 2));
/// ```
#[must_use]
pub fn detect<'a>(data: &'a [u8], charset: Option<&'a str>) -> Encoding<'a> {
    match data {
        [0xef, 0xbb, 0xbf, ..] => return Encoding::Utf8(3),
        [0xfe, 0xff, ..] => return Encoding::Codec("utf-16-be", 2),
        [0xff, 0xfe, ..] => return Encoding::Codec("utf-16-le", 2),
        _ => {}
    }
    if let Some(charset) = charset {
        return by_name(charset, data);
    }
    match data {
        [0, b'<', 0, _, ..] => Encoding::Codec("utf-16-be", 0),
        [b'<', 0, _, 0, ..] => Encoding::Codec("utf-16-le", 0),
        _ => declared(data).map_or(Encoding::Utf8(0), |name| by_name(name, data)),
    }
}

fn by_name<'a>(name: &'a str, data: &[u8]) -> Encoding<'a> {
    let plain = letters(name).to_ascii_lowercase().replace("windows", "cp");
    let plain = match &plain[..] {
        "usascii" => "ascii",
        "latin1" => "iso88591",
        "latin2" => "iso88592",
        "utf16" if matches!(data, [b'<', 0, ..]) => "utf16le",
        // Without a mark it is big-endian (RFC 2781 section 4.3).
        "utf16" => "utf16be",
        plain => plain,
    };
    match CODECS.iter().find(|codec| letters(codec) == plain) {
        Some(&"utf-8") => Encoding::Utf8(0),
        Some(codec) => Encoding::Codec(codec, 0),
        None => Encoding::Unknown(name),
    }
}

fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Returns the encoding that a declaration names. It consists of ASCII in each encoding that has no other sign.
fn declared(data: &[u8]) -> Option<&str> {
    let declaration = data.strip_prefix(b"<?xml")?;
    let end = declaration.windows(2).take(200).position(|pair| pair == b"?>")?;
    let text = str::from_utf8(&declaration[..end]).ok()?;
    let rest = text[text.find("encoding")? + 8..].trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, codec) in [
            ("ISO-8859-1", "iso8859-1"),
            ("latin-1", "iso8859-1"),
            ("windows-1252", "cp1252"),
            ("US-ASCII", "ascii"),
            ("Shift_JIS", "shift_jis"),
            ("KOI8-R", "koi8-r"),
            ("UTF-16", "utf-16-be"),
            ("UTF-16LE", "utf-16-le"),
        ] {
            assert_eq!(detect(b"<a/>", Some(name)), Encoding::Codec(codec, 0), "{name}");
        }
        for name in ["utf-8", "UTF8", "Utf-8"] {
            assert_eq!(detect(b"<a/>", Some(name)), Encoding::Utf8(0));
        }
        for name in ["", "utf-7", "idna", "zlib", "unicode_escape", "x"] {
            assert_eq!(detect(b"<a/>", Some(name)), Encoding::Unknown(name));
        }
        assert_eq!(detect(b"<\0?\0", None), Encoding::Codec("utf-16-le", 0));
        assert_eq!(detect(b"\0<\0?", None), Encoding::Codec("utf-16-be", 0));
    }
}
