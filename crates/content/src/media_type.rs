//! Media types, as in the field Content-Type (RFC 9110 section 8.3.1).
//!
//! A parameter that occurs twice is an error when it is asked for, because two readers could take different ones. The one
//! liberty is that a value without quotes may have any visible character but the delimiters: clients forget to quote
//! boundaries such as `=_part/1`.

use std::borrow::Cow;

use crate::error::ContentError;
use crate::field_reader::Reader;

/// The name of a parameter as it was sent, and its value without quotes and escapes.
pub type Parameter<'a> = (&'a [u8], Cow<'a, [u8]>);

/// A media type with its parameters, borrowed from the value of a field.
#[derive(Clone, Copy, Debug)]
pub struct MediaType<'a> {
    kind: &'a [u8],
    subtype: &'a [u8],
    /// What follows the subtype, and has been checked.
    parameters: &'a [u8],
}

impl<'a> MediaType<'a> {
    /// Parses a value. White space around it is allowed.
    ///
    /// ```
    /// use content::media_type::MediaType;
    /// let media_type = MediaType::parse(b"Text/HTML;Charset=\"utf-8\"")?;
    /// assert!(media_type.is(b"text", b"html"));
    /// assert_eq!(media_type.charset()?.as_deref(), Some(&b"utf-8"[..]));
    /// # Ok::<(), content::ContentError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the value is not a media type. The position is that in the value.
    pub fn parse(value: &'a [u8]) -> Result<Self, ContentError> {
        let mut reader = Reader { value, at: 0 };
        reader.skip_space();
        let kind = reader.token();
        if kind.is_empty() || !reader.take(b'/') {
            return Err(reader.malformed("not a media type"));
        }
        let subtype = reader.token();
        if subtype.is_empty() {
            return Err(reader.malformed("a media type without a subtype"));
        }
        let parameters = &value[reader.at..];
        while reader.parameter()?.is_some() {}
        Ok(Self { kind, subtype, parameters })
    }

    /// Returns whether this is the media type, whatever its parameters are. Both parts are compared without case.
    #[must_use]
    pub fn is(&self, kind: &[u8], subtype: &[u8]) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    /// The part before the slash, as it was sent.
    #[must_use]
    pub const fn kind(&self) -> &'a [u8] {
        self.kind
    }

    /// The part behind the slash, as it was sent: `svg+xml` for one.
    #[must_use]
    pub const fn subtype(&self) -> &'a [u8] {
        self.subtype
    }

    /// The parameters in the order of the field.
    pub fn parameters(&self) -> impl Iterator<Item = Parameter<'a>> + use<'a> {
        let mut reader = Reader { value: self.parameters, at: 0 };
        std::iter::from_fn(move || reader.parameter().ok().flatten())
    }

    /// The value of a parameter, whose name is compared without case.
    ///
    /// # Errors
    ///
    /// If the parameter occurs more than once, which has no meaning (RFC 6838 section 4.3).
    pub fn parameter(&self, name: &[u8]) -> Result<Option<Cow<'a, [u8]>>, ContentError> {
        let mut found = self.parameters().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let first = found.next().map(|(_, value)| value);
        match found.next() {
            None => Ok(first),
            Some(_) => Err(ContentError::malformed("a parameter of a media type occurs twice", 0)),
        }
    }

    /// The name of the character encoding, if the type has one.
    ///
    /// # Errors
    ///
    /// If there are several.
    pub fn charset(&self) -> Result<Option<Cow<'a, [u8]>>, ContentError> {
        self.parameter(b"charset")
    }

    /// The boundary between the parts of a multipart type.
    ///
    /// # Errors
    ///
    /// If there are several.
    pub fn boundary(&self) -> Result<Option<Cow<'a, [u8]>>, ContentError> {
        self.parameter(b"boundary")
    }
}

impl<'a> Reader<'a> {
    /// Takes the next parameter; there is none at the end. Empty ones are left out (RFC 9110 section 5.6.6).
    fn parameter(&mut self) -> Result<Option<Parameter<'a>>, ContentError> {
        loop {
            self.skip_space();
            if self.rest().is_empty() {
                return Ok(None);
            }
            if !self.take(b';') {
                return Err(self.malformed("a media type is followed by something else than a parameter"));
            }
            self.skip_space();
            let name = self.token();
            if !name.is_empty() {
                return if self.take(b'=') {
                    Ok(Some((name, self.parameter_value()?)))
                } else {
                    Err(self.malformed("a parameter of a media type has no value"))
                };
            }
        }
    }

    fn parameter_value(&mut self) -> Result<Cow<'a, [u8]>, ContentError> {
        if self.take(b'"') {
            return self.quoted();
        }
        let value = self.run(|byte| byte.is_ascii_graphic() && !matches!(byte, b';' | b'"' | b'\\'));
        if value.is_empty() {
            return Err(self.malformed("a parameter of a media type has no value"));
        }
        Ok(Cow::Borrowed(value))
    }

    /// Takes a quoted string behind its first quote (RFC 9110 section 5.6.4).
    fn quoted(&mut self) -> Result<Cow<'a, [u8]>, ContentError> {
        let plain = self.run(|byte| !matches!(byte, b'"' | b'\\'));
        if self.take(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut out = plain.to_vec();
        loop {
            let (byte, length) = match self.rest() {
                [b'"', ..] => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                [b'\\', byte, ..] => (*byte, 2),
                [b'\\'] | [] => return Err(self.malformed("a quoted string has no end")),
                [byte, ..] => (*byte, 1),
            };
            out.push(byte);
            self.at += length;
        }
    }
}
