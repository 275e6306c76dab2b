//! Names and values of fields as h2 takes them, with few allocations.
//!
//! Usual names are known; the date and the name of the server, which nearly every response has, are made once and then
//! shared. What a response consists of is not known here.

use std::cell::RefCell;

use http::LocalProtocolError;
use http_types::header::{self, HeaderName, HeaderValue};

/// Returns the name of a field of an application, in lower case.
///
/// # Errors
///
/// It is not a token.
#[inline]
pub(super) fn name(name: &[u8]) -> Result<HeaderName, LocalProtocolError> {
    match usual(name) {
        Some(usual) => Ok(usual),
        None => HeaderName::from_bytes(name).map_err(|_| LocalProtocolError::BadFieldName),
    }
}

/// Returns a name that many responses have, given in lower case.
#[inline]
fn usual(name: &[u8]) -> Option<HeaderName> {
    Some(match name {
        b"content-type" => header::CONTENT_TYPE,
        b"content-length" => header::CONTENT_LENGTH,
        b"cache-control" => header::CACHE_CONTROL,
        b"content-encoding" => header::CONTENT_ENCODING,
        b"content-language" => header::CONTENT_LANGUAGE,
        b"content-disposition" => header::CONTENT_DISPOSITION,
        b"accept-ranges" => header::ACCEPT_RANGES,
        b"access-control-allow-origin" => header::ACCESS_CONTROL_ALLOW_ORIGIN,
        b"date" => header::DATE,
        b"etag" => header::ETAG,
        b"last-modified" => header::LAST_MODIFIED,
        b"link" => header::LINK,
        b"location" => header::LOCATION,
        b"server" => header::SERVER,
        b"set-cookie" => header::SET_COOKIE,
        b"strict-transport-security" => header::STRICT_TRANSPORT_SECURITY,
        b"vary" => header::VARY,
        b"x-content-type-options" => header::X_CONTENT_TYPE_OPTIONS,
        _ => return None,
    })
}

/// Returns a value of an application, without the white space around it, which HTTP/2 does not allow (RFC 9113 section
/// 8.2.1).
///
/// # Errors
///
/// It has a control character. The crate `http_types` allows the same bytes as `http::check_field`.
#[inline]
pub(super) fn value(value: &[u8]) -> Result<HeaderValue, LocalProtocolError> {
    let is_padded = matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t']);
    let value = if is_padded { trimmed(value) } else { value };
    HeaderValue::from_bytes(value).map_err(|_| LocalProtocolError::BadFieldValue)
}

#[cold]
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Returns the value of `content-length`: with one allocation, where the crate's own conversion needs two.
///
/// # Errors
///
/// Digits are a value, so there is none.
#[inline]
pub(super) fn length(mut length: u64) -> Result<HeaderValue, LocalProtocolError> {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b"0123456789"[usize::try_from(length % 10).unwrap_or_default()];
        length /= 10;
        if length == 0 {
            break;
        }
    }
    HeaderValue::from_bytes(&digits[start..]).map_err(|_| LocalProtocolError::BadContentLength)
}

/// A value that responses share.
enum Shared {
    Date,
    Server,
}

thread_local! {
    /// The last date and server of this thread, whose loops have their servers.
    static SHARED: RefCell<[Option<HeaderValue>; 2]> = const { RefCell::new([None, None]) };
}

/// Returns the value of `date`.
///
/// # Errors
///
/// The errors of [`value`].
#[inline]
pub(super) fn date(bytes: &[u8]) -> Result<HeaderValue, LocalProtocolError> {
    shared(Shared::Date, bytes)
}

/// Returns the value of `server`.
///
/// # Errors
///
/// The errors of [`value`].
#[inline]
pub(super) fn server(bytes: &[u8]) -> Result<HeaderValue, LocalProtocolError> {
    shared(Shared::Server, bytes)
}

#[inline]
fn shared(which: Shared, bytes: &[u8]) -> Result<HeaderValue, LocalProtocolError> {
    let found = SHARED.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        let place = &mut kept[which as usize];
        match place {
            Some(value) if value.as_bytes() == bytes => Ok(value.clone()),
            _ => self::value(bytes).inspect(|made| *place = Some(made.clone())),
        }
    });
    // There is no cell any more while the thread ends.
    found.unwrap_or_else(|_| value(bytes))
}

#[cfg(test)]
mod tests {
    use http::LocalProtocolError;

    use super::{date, length, name, server, value};

    #[test]
    fn names_are_the_tokens_of_http_1_1_in_lower_case() {
        for byte in 0..=255_u8 {
            let given = [b'a', byte];
            let expected = http::check_field(&given, b"").map(|()| given.to_ascii_lowercase());
            assert_eq!(name(&given).map(|name| name.as_str().as_bytes().to_vec()), expected, "{byte}");
        }
        assert_eq!(name(b""), Err(LocalProtocolError::BadFieldName));
    }

    #[test]
    fn usual_names_are_those_that_were_asked_for() {
        for known in ["content-type", "Content-Type", "x-content-type-options", "vary", "set-cookie"] {
            assert_eq!(name(known.as_bytes()).unwrap().as_str(), known.to_ascii_lowercase());
        }
    }

    #[test]
    fn values_are_those_of_http_1_1() {
        for byte in 0..=255_u8 {
            let given = [b'a', byte, b'b'];
            let expected = http::check_field(b"a", &given).map(|()| given.to_vec());
            assert_eq!(value(&given).map(|value| value.as_bytes().to_vec()), expected, "{byte}");
        }
    }

    #[test]
    fn a_length_is_written_in_digits() {
        for number in [0, 9, 10, 13, 10_240, u64::MAX] {
            assert_eq!(length(number).unwrap(), number.to_string());
        }
    }

    #[test]
    fn white_space_around_a_value_is_left_out() {
        for (given, expected) in [(" a ", "a"), ("\t a b\t", "a b"), ("  ", ""), ("", "")] {
            assert_eq!(value(given.as_bytes()).unwrap(), expected);
        }
        assert_eq!(value(b" \x0b "), Err(LocalProtocolError::BadFieldValue));
    }

    #[test]
    fn shared_values_follow_what_is_asked_for() {
        for round in ["one", "one", "two"] {
            assert_eq!(
                (date(round.as_bytes()).unwrap(), server(b"s").unwrap()),
                (round.parse().unwrap(), "s".parse().unwrap())
            );
        }
        assert_eq!(server(b"\0"), Err(LocalProtocolError::BadFieldValue));
        assert_eq!(server(b"s").unwrap(), "s");
    }
}
