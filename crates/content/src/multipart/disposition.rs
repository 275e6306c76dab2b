//! The field Content-Disposition of a part (RFC 7578 section 4.2), read as browsers and programs write it.
//!
//! Browsers escape three bytes of a name by `%` and no other, not even the `%` itself (WHATWG HTML, section 4.10.22.8).
//! Programs escape quotes by a backslash; browsers send a backslash as it is. So `\"` and `\\` are read as escapes, and
//! every other backslash is part of the name. Programs in Python also send `filename*` (RFC 8187), which wins as in RFC
//! 6266, although RFC 7578 forbids to send it.

use crate::error::ContentError;
use crate::field_reader::Reader;
use crate::urlencoded::percent_decode;

/// What the field says of its part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Disposition {
    pub(super) name: String,
    pub(super) filename: Option<String>,
}

impl Disposition {
    /// Parses the value, which has no control characters.
    pub(super) fn parse(value: &[u8]) -> Result<Self, ContentError> {
        let mut reader = Reader { value, at: 0 };
        reader.skip_space();
        if !reader.token().eq_ignore_ascii_case(b"form-data") {
            return Err(ContentError::malformed("Content-Disposition of a part is not form-data", 0));
        }
        let (mut name, mut filename, mut extended) = (None, None, None);
        while let Some((parameter, at)) = reader.disposition_parameter()? {
            let (place, text) = match parameter {
                _ if parameter.eq_ignore_ascii_case(b"name") => (&mut name, reader.text()?),
                _ if parameter.eq_ignore_ascii_case(b"filename") => (&mut filename, reader.text()?),
                _ if parameter.eq_ignore_ascii_case(b"filename*") => (&mut extended, reader.extended()?),
                _ => {
                    reader.disposition_value()?;
                    continue;
                }
            };
            if place.replace(text).is_some() {
                return Err(ContentError::malformed(
                    "Content-Disposition of a part has a parameter twice",
                    at,
                ));
            }
        }
        let name = name.ok_or(ContentError::malformed("a part without a name", 0))?;
        Ok(Self { name, filename: extended.or(filename) })
    }
}

impl<'a> Reader<'a> {
    /// Takes the name of the next parameter with its `=`; the value follows. Empty parameters are left out.
    fn disposition_parameter(&mut self) -> Result<Option<(&'a [u8], u64)>, ContentError> {
        loop {
            self.skip_space();
            if self.rest().is_empty() {
                return Ok(None);
            }
            if !self.take(b';') {
                return Err(
                    self.malformed("Content-Disposition of a part has something else than a parameter")
                );
            }
            self.skip_space();
            let (name, at) = (self.token(), self.at as u64);
            if !name.is_empty() {
                self.skip_space();
                return if self.take(b'=') {
                    self.skip_space();
                    Ok(Some((name, at)))
                } else {
                    Err(self.malformed("a parameter of Content-Disposition has no value"))
                };
            }
        }
    }

    /// Takes the value of `name` or `filename`.
    fn text(&mut self) -> Result<String, ContentError> {
        let at = self.at as u64;
        let value = browser_unescaped(self.disposition_value()?);
        String::from_utf8(value).map_err(|_| ContentError::malformed("the name of a part is not UTF-8", at))
    }

    /// Takes an extended value (RFC 8187 section 3.2.1): a charset, a language that is not used, escaped bytes.
    fn extended(&mut self) -> Result<String, ContentError> {
        let at = self.at as u64;
        let malformed = |because| ContentError::malformed(because, at);
        let value = self.disposition_value()?;
        let mut parts = value.splitn(3, |byte| *byte == b'\'');
        let (Some(charset), Some(_language), Some(escaped)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("filename* of a part is not an extended value"));
        };
        let bytes = percent_decode(escaped).into_owned();
        let text = if charset.eq_ignore_ascii_case(b"utf-8") {
            String::from_utf8(bytes).map_err(|_| malformed("filename* of a part is not UTF-8"))?
        } else if charset.eq_ignore_ascii_case(b"iso-8859-1") {
            bytes.into_iter().map(char::from).collect()
        } else {
            return Err(malformed("filename* of a part is neither UTF-8 nor ISO-8859-1"));
        };
        if text.contains('\0') {
            return Err(malformed("filename* of a part contains NUL"));
        }
        Ok(text)
    }

    fn disposition_value(&mut self) -> Result<Vec<u8>, ContentError> {
        if !self.take(b'"') {
            let value = self.run(|byte| byte != b';').trim_ascii_end();
            return Ok(value.to_vec());
        }
        let (value, length) = quoted(self.rest())
            .or_else(|| up_to_quote(self.rest()))
            .ok_or_else(|| self.malformed("a quoted name of a part has no end"))?;
        self.at += length;
        Ok(value)
    }
}

/// Returns a quoted value behind its first quote, and its length with the last one.
fn quoted(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let byte;
        (byte, rest) = match rest {
            [b'"', rest @ ..] => return Some((out, bytes.len() - rest.len())),
            [b'\\', byte @ (b'"' | b'\\'), rest @ ..] | [byte, rest @ ..] => (*byte, rest),
            [] => return None,
        };
        out.push(byte);
    }
}

/// The same without escapes: a browser sends a name that ends in a backslash so.
fn up_to_quote(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let end = bytes.iter().position(|byte| *byte == b'"')?;
    Some((bytes[..end].to_vec(), end + 1))
}

/// Decodes the three escapes of browsers: a quote and the two parts of a line break.
fn browser_unescaped(value: Vec<u8>) -> Vec<u8> {
    if !value.contains(&b'%') {
        return value;
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = &value[..];
    loop {
        let byte;
        (byte, rest) = match rest {
            [b'%', b'2', b'2', rest @ ..] => (b'"', rest),
            [b'%', b'0', b'D' | b'd', rest @ ..] => (b'\r', rest),
            [b'%', b'0', b'A' | b'a', rest @ ..] => (b'\n', rest),
            [byte, rest @ ..] => (*byte, rest),
            [] => return out,
        };
        out.push(byte);
    }
}
