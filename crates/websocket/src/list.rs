//! Lists of tokens in field values (RFC 9110 section 5.6), with parameters as extensions have them (RFC 6455 section 9.1).

use std::borrow::Cow;

/// The value is not a list of extensions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed;

/// Returns whether the name is a token (RFC 9110 section 5.6.2), as that of a subprotocol must be (RFC 6455 section 4.1).
///
/// ```
/// assert!(websocket::is_token(b"graphql-transport-ws"));
/// assert!(!websocket::is_token(b"a, b") && !websocket::is_token(b""));
/// ```
#[must_use]
pub fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().copied().all(is_token_byte)
}

const fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
        || byte.is_ascii_alphanumeric()
}

/// Returns the elements of a list without the white space around them. Empty ones are left out (RFC 9110 section 5.6.1).
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// The items of a list, each with its parameters.
pub(crate) struct Items<'a> {
    rest: &'a [u8],
}

impl<'a> Items<'a> {
    pub(crate) const fn new(value: &'a [u8]) -> Self {
        Self { rest: value }
    }

    /// Returns the name of the next item. The parameters of the one before it have been taken.
    pub(crate) fn next_item(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        while self.take(b',') {}
        if self.rest.is_empty() { Ok(None) } else { self.token().map(Some) }
    }

    /// Returns the next parameter of the current item.
    #[expect(clippy::type_complexity, reason = "a name and a value that may be absent")]
    pub(crate) fn next_parameter(&mut self) -> Result<Option<(&'a [u8], Option<Cow<'a, [u8]>>)>, Malformed> {
        if !self.take(b';') {
            // Only the next item may follow.
            return if self.rest.is_empty() || self.rest.starts_with(b",") {
                Ok(None)
            } else {
                Err(Malformed)
            };
        }
        let name = self.token()?;
        let value = if self.take(b'=') { Some(self.value()?) } else { None };
        Ok(Some((name, value)))
    }

    /// Takes a token, and the white space around it.
    fn token(&mut self) -> Result<&'a [u8], Malformed> {
        self.rest = self.rest.trim_ascii_start();
        let length = self.rest.iter().position(|&byte| !is_token_byte(byte)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest.trim_ascii_start();
        if token.is_empty() { Err(Malformed) } else { Ok(token) }
    }

    /// Takes the value of a parameter: a token, which may be quoted.
    fn value(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        let Some(mut quoted) = self.rest.strip_prefix(b"\"") else { return self.token().map(Cow::Borrowed) };
        let mut value = Vec::new();
        loop {
            let (byte, rest) = match quoted {
                [b'"', rest @ ..] => {
                    self.rest = rest.trim_ascii_start();
                    return if is_token(&value) { Ok(Cow::Owned(value)) } else { Err(Malformed) };
                }
                [b'\\', byte, rest @ ..] | [byte, rest @ ..] => (*byte, rest),
                [] => return Err(Malformed),
            };
            value.push(byte);
            quoted = rest;
        }
    }

    /// Takes the delimiter, and the white space around it, if it comes next.
    fn take(&mut self, delimiter: u8) -> bool {
        self.rest = self.rest.trim_ascii_start();
        match self.rest.split_first() {
            Some((&byte, rest)) if byte == delimiter => {
                self.rest = rest.trim_ascii_start();
                true
            }
            _ => false,
        }
    }
}
