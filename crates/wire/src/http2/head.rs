//! Heads as h2 has them, and as an application does: requests become heads of the crate `http`, statuses and fields of
//! an application become responses.
//!
//! A response says what the same one says over HTTP/1.1. The fields of a connection are left out (RFC 9113 section 8.2.2);
//! an error of the application is the same error.
//!
//! | Field of an application                              | In the response          |
//! |------------------------------------------------------|--------------------------|
//! | `content-length`                                     | as the status allows     |
//! | `transfer-encoding`                                  | left out, if `chunked`   |
//! | `connection`, `keep-alive`, `proxy-connection`, `upgrade`, `te` | left out      |
//! | `date`, `server`                                     | instead of the server's  |
//! | others                                               | as they are              |

use http::{DefaultHeaders, Http2Request, Length, LocalProtocolError, RemoteProtocolError};
use http_types::header::{self, HeaderMap, HeaderName, HeaderValue};
use http_types::{Response, StatusCode};

use super::content::Content;
use super::values;

/// Returns the head of a request. `is_whole` says whether the stream ends with it.
///
/// # Errors
///
/// The request is malformed (RFC 9113 section 8.1.1), or exceeds a limit.
#[inline]
pub(super) fn request(
    parts: &http_types::request::Parts,
    is_whole: bool,
    limits: &http::Limits,
) -> Result<http::Head, RemoteProtocolError> {
    let uri = &parts.uri;
    // Without a path `path_and_query` says `/`.
    let path = if uri.path().is_empty() { None } else { uri.path_and_query() };
    let request = Http2Request {
        method: parts.method.as_str().as_bytes(),
        path: path.map_or(&[][..], |path| path.as_str().as_bytes()),
        authority: uri.authority().map(|authority| authority.as_str().as_bytes()),
        has_protocol: parts.extensions.get::<h2::ext::Protocol>().is_some(),
        is_whole,
    };
    let fields = parts.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    http::Head::of_http2(request, fields, limits)
}

/// Returns the final response to a request, and the content that may follow. `length` is that of the content, if it is
/// known; a Content-Length of the application takes precedence.
///
/// # Errors
///
/// The status is not final, a field is invalid, or Content-Length is not a number or there are two that differ.
#[inline]
pub(super) fn response<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    request: &http::Head,
    status: u16,
    fields: impl IntoIterator<Item = (N, V)>,
    length: Length,
    defaults: DefaultHeaders<'_>,
) -> Result<(Response<()>, Content), LocalProtocolError> {
    let code = StatusCode::from_u16(status).ok().filter(|_| status >= 200);
    let code = code.ok_or(LocalProtocolError::BadStatus)?;
    let fields = fields.into_iter();
    let mut said = Said::with_room(fields.size_hint().0 + OWN_FIELDS)?;
    for (name, value) in fields {
        said.add(name.as_ref(), value.as_ref())?;
    }
    said.add_defaults(defaults)?;
    let is_tunnel = status < 300 && request.target_form() == http::TargetForm::Authority;
    let length = match (said.length, length) {
        // What follows is not content (RFC 9110 section 9.3.6).
        _ if is_tunnel => None,
        (None, Length::Unknown) => None,
        (None, Length::Known(length)) | (Some(length), _) => Some(length),
    };
    let stated = match status {
        204 => None,
        205 => Some(0),
        _ => length,
    };
    if let Some(length) = stated {
        said.put(header::CONTENT_LENGTH, values::length(length)?)?;
    }
    let content = Content::of(status, length, request.method() == b"HEAD");
    Ok((head_of(code, said.fields), content))
}

/// Returns a response of the server's own, whose content is [`refusal`](DefaultHeaders::refusal). `fields` are left out if
/// one is invalid.
///
/// # Errors
///
/// The status is not one of three digits, or the server's own fields are invalid.
#[cold]
pub(super) fn refusal<'a>(
    status: u16,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    defaults: DefaultHeaders<'_>,
) -> Result<Response<()>, LocalProtocolError> {
    let code = StatusCode::from_u16(status).map_err(|_| LocalProtocolError::BadStatus)?;
    let refusal = defaults.refusal;
    let mut said = Said::with_room(fields.size_hint().0 + OWN_FIELDS + 1)?;
    let mut fields = fields;
    if fields.try_for_each(|(name, value)| said.add(name, value)).is_err() {
        said = Said::with_room(OWN_FIELDS + 1)?;
    }
    said.add_defaults(defaults)?;
    if !refusal.is_empty() {
        said.put(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))?;
    }
    said.put(header::CONTENT_LENGTH, values::length(refusal.len() as u64)?)?;
    Ok(head_of(code, said.fields))
}

/// Returns an interim response: 100 (Continue), or 103 (Early Hints, RFC 8297).
///
/// # Errors
///
/// The status is not an interim one, or a field is invalid.
pub(super) fn interim<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    status: u16,
    fields: impl IntoIterator<Item = (N, V)>,
) -> Result<Response<()>, LocalProtocolError> {
    let code = StatusCode::from_u16(status).ok().filter(StatusCode::is_informational);
    Ok(head_of(code.ok_or(LocalProtocolError::BadStatus)?, trailers(fields)?))
}

/// Returns 103 (Early Hints) with these links.
///
/// # Errors
///
/// A link has a control character.
pub(super) fn early_hint<V: AsRef<[u8]>>(
    links: impl IntoIterator<Item = V>,
) -> Result<Response<()>, LocalProtocolError> {
    interim(103, links.into_iter().map(|link| (b"link", link)))
}

/// Returns fields that follow content, without those about framing and connection, which trailers must not have (RFC
/// 9110 section 6.5.1).
///
/// # Errors
///
/// A field is invalid.
pub(super) fn trailers<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    fields: impl IntoIterator<Item = (N, V)>,
) -> Result<HeaderMap, LocalProtocolError> {
    let fields = fields.into_iter();
    let mut said = Said::with_room(fields.size_hint().0)?;
    for (name, value) in fields {
        let (name, value) = (values::name(name.as_ref())?, values::value(value.as_ref())?);
        if name != header::CONTENT_LENGTH && !is_of_a_connection(&name) {
            said.put(name, value)?;
        }
    }
    Ok(said.fields)
}

/// The number of fields that the server adds: date, server, Content-Length.
const OWN_FIELDS: usize = 3;

/// What a head says so far.
struct Said {
    fields: HeaderMap,
    length: Option<u64>,
    has_date: bool,
    has_server: bool,
}

impl Said {
    #[inline]
    fn with_room(count: usize) -> Result<Self, LocalProtocolError> {
        let fields = HeaderMap::try_with_capacity(count).map_err(too_many)?;
        Ok(Self { fields, length: None, has_date: false, has_server: false })
    }

    /// Takes a field of an application, unless it is one that the server decides.
    #[inline]
    fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), LocalProtocolError> {
        let name = values::name(name)?;
        // Only a few lengths need a closer look.
        if matches!(name.as_str().len(), 2 | 4 | 6 | 7 | 10 | 14 | 16 | 17) && self.note(&name, value)? {
            return Ok(());
        }
        let value = values::value(value)?;
        self.put(name, value)
    }

    /// Notes a field that the server decides. Returns whether it is one.
    fn note(&mut self, name: &HeaderName, value: &[u8]) -> Result<bool, LocalProtocolError> {
        if *name == header::CONTENT_LENGTH {
            http::check_field(b"content-length", value)?;
            let length = http::told_length(value)?;
            return match self.length.replace(length) {
                Some(other) if other != length => Err(LocalProtocolError::BadContentLength),
                _ => Ok(true),
            };
        }
        if !is_of_a_connection(name) {
            self.has_date |= *name == header::DATE;
            self.has_server |= *name == header::SERVER;
            return Ok(false);
        }
        let value = values::value(value)?;
        if *name == header::TRANSFER_ENCODING && !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
            return Err(LocalProtocolError::BadTransferEncoding);
        }
        Ok(true)
    }

    #[inline]
    fn put(&mut self, name: HeaderName, value: HeaderValue) -> Result<(), LocalProtocolError> {
        self.fields.try_append(name, value).map(drop).map_err(too_many)
    }

    /// Adds date and server, unless the application has set them.
    #[inline]
    fn add_defaults(&mut self, defaults: DefaultHeaders<'_>) -> Result<(), LocalProtocolError> {
        if !defaults.date.is_empty() && !self.has_date {
            self.put(header::DATE, values::date(defaults.date)?)?;
        }
        if !defaults.server.is_empty() && !self.has_server {
            self.put(header::SERVER, values::server(defaults.server)?)?;
        }
        Ok(())
    }
}

/// Returns whether a field is about the connection, which has none in HTTP/2 (RFC 9113 section 8.2.2).
fn is_of_a_connection(name: &HeaderName) -> bool {
    let standard = [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, header::TE];
    standard.contains(name) || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// Returns the error for more fields than a response can have: 24 thousand different ones.
#[cold]
fn too_many(_: header::MaxSizeReached) -> LocalProtocolError {
    LocalProtocolError::BadFieldName
}

#[inline]
fn head_of(status: StatusCode, fields: HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
