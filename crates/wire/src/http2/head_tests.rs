//! Heads both ways: requests as h2 has them, responses and trailers as an application sends them.

use http::{DefaultHeaders, Framing, Head, Length, Limits, LocalProtocolError, TargetForm, Version};
use http_types::{HeaderMap, Request, Response};

use super::super::content::Content;
use super::{early_hint, interim, refusal, request, response, trailers};

type Fields<'a> = &'a [(&'a str, &'a str)];

const DEFAULTS: DefaultHeaders<'_> = DefaultHeaders { date: b"today", server: b"vitok", refusal: b"no" };

fn asked(method: &str, uri: &str, fields: Fields<'_>, is_whole: bool) -> Result<Head, u16> {
    let mut builder = Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    let (parts, ()) = builder.body(()).unwrap().into_parts();
    request(&parts, is_whole, &Limits::UNLIMITED).map_err(http::RemoteProtocolError::status)
}

fn get() -> Head {
    asked("GET", "https://a.example/", &[], true).unwrap()
}

fn head() -> Head {
    asked("HEAD", "https://a.example/", &[], true).unwrap()
}

fn text(fields: &HeaderMap) -> String {
    let lines = fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    lines.collect::<Vec<_>>().join(", ")
}

fn answer(
    request: &Head,
    status: u16,
    fields: Fields<'_>,
    length: Length,
) -> Result<(String, Content), LocalProtocolError> {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let (made, content) = response(request, status, fields, length, DefaultHeaders::default())?;
    assert_eq!(made.status().as_u16(), status);
    Ok((text(made.headers()), content))
}

#[test]
fn a_request_has_the_parts_that_h2_found() {
    let fields = [("accept", "*/*"), ("cookie", "a=b"), ("x-a", ""), ("cookie", "c=d")];
    let head = asked("GET", "https://a.example:8443/where?q=now", &fields, true).unwrap();
    assert_eq!((head.version(), head.line()), (Version::Http2, &b"GET /where?q=now HTTP/2"[..]));
    assert_eq!((head.path(), head.query()), (&b"/where"[..], &b"q=now"[..]));
    let found: Vec<_> = head.fields().iter().collect();
    let expected: [(&[u8], &[u8]); 4] =
        [(b"host", b"a.example:8443"), (b"accept", b"*/*"), (b"cookie", b"a=b; c=d"), (b"x-a", b"")];
    assert_eq!(found, expected);
    assert_eq!((head.framing(), head.takes_trailers()), (Framing::Length(0), true));
}

#[test]
fn a_request_without_path_is_malformed() {
    let (mut parts, ()) = Request::builder().header("host", "a").body(()).unwrap().into_parts();
    assert_eq!(request(&parts, true, &Limits::UNLIMITED).unwrap().path(), b"/");
    parts.uri = http_types::Uri::from_parts(http_types::uri::Parts::default()).unwrap();
    assert_eq!(request(&parts, true, &Limits::UNLIMITED).unwrap_err().status(), 400);
}

#[test]
fn connect_has_an_authority_and_extended_connect_a_path() {
    let head = asked("CONNECT", "a.example:443", &[], false).unwrap();
    assert_eq!((head.target_form(), head.target()), (TargetForm::Authority, &b"a.example:443"[..]));
    let builder = Request::builder().method("CONNECT").uri("https://a.example/chat");
    let builder = builder.extension(h2::ext::Protocol::from_static("websocket"));
    let (parts, ()) = builder.body(()).unwrap().into_parts();
    let head = request(&parts, false, &Limits::UNLIMITED).unwrap();
    assert_eq!((head.target_form(), head.path()), (TargetForm::Origin, &b"/chat"[..]));
    assert_eq!(head.framing(), Framing::Length(0));
}

#[test]
fn a_response_has_the_fields_of_the_application_then_those_of_the_server() {
    let fields =
        [("Content-Type", "text/plain"), ("Set-Cookie", "a"), ("set-cookie", "b"), ("X-A", " padded\t")];
    let (made, content) = response(&get(), 200, fields, Length::Known(5), DEFAULTS).unwrap();
    let expected = "content-type: text/plain, set-cookie: a, set-cookie: b, x-a: padded, date: today, server: vitok, \
                    content-length: 5";
    assert_eq!((text(made.headers()), content), (expected.to_owned(), Content::Length(5)));
}

#[test]
fn an_application_may_set_date_and_server() {
    let fields = [("Date", "then"), ("server", "other")];
    let (made, _) = response(&get(), 200, fields, Length::Unknown, DEFAULTS).unwrap();
    assert_eq!(text(made.headers()), "date: then, server: other");
}

#[test]
fn fields_of_a_connection_are_left_out() {
    let fields = [
        ("Connection", "close, x"),
        ("keep-alive", "timeout=5"),
        ("Proxy-Connection", "close"),
        ("Transfer-Encoding", "Chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("x", "y"),
    ];
    let made = answer(&get(), 200, &fields, Length::Unknown).unwrap();
    assert_eq!(made, ("x: y".to_owned(), Content::Open));
}

#[test]
fn the_length_follows_the_status_and_the_method() {
    let length: Fields<'_> = &[("Content-Length", "7")];
    let rows = [
        (get(), 200, length, Length::Known(5), "content-length: 7", Content::Length(7)),
        (get(), 200, &[], Length::Known(0), "content-length: 0", Content::Length(0)),
        (get(), 200, &[], Length::Unknown, "", Content::Open),
        (get(), 204, length, Length::Unknown, "", Content::Forbidden),
        (get(), 205, length, Length::Known(5), "content-length: 0", Content::Forbidden),
        (get(), 304, length, Length::Unknown, "content-length: 7", Content::Forbidden),
        (get(), 304, &[], Length::Unknown, "", Content::Forbidden),
        (head(), 200, length, Length::Unknown, "content-length: 7", Content::Dropped),
        (head(), 200, &[], Length::Known(5), "content-length: 5", Content::Dropped),
        (head(), 204, length, Length::Unknown, "", Content::Dropped),
    ];
    for (request, status, fields, length, expected, content) in rows {
        assert_eq!(answer(&request, status, fields, length), Ok((expected.to_owned(), content)));
    }
}

#[test]
fn a_successful_connect_has_no_length() {
    let connect = asked("CONNECT", "a.example:443", &[], false).unwrap();
    let length: Fields<'_> = &[("content-length", "7")];
    assert_eq!(answer(&connect, 200, length, Length::Known(7)), Ok((String::new(), Content::Open)));
    let refused = ("content-length: 7".to_owned(), Content::Length(7));
    assert_eq!(answer(&connect, 403, length, Length::Unknown), Ok(refused));
}

#[test]
fn faults_of_an_application_are_those_of_http_1_1() {
    let rows: [(u16, Fields<'_>, LocalProtocolError); 11] = [
        (103, &[], LocalProtocolError::BadStatus),
        (99, &[], LocalProtocolError::BadStatus),
        (1000, &[], LocalProtocolError::BadStatus),
        (200, &[("a b", "c")], LocalProtocolError::BadFieldName),
        (200, &[(":status", "200")], LocalProtocolError::BadFieldName),
        (200, &[("a", "b\r\nc: d")], LocalProtocolError::BadFieldValue),
        (200, &[("connection", "\0")], LocalProtocolError::BadFieldValue),
        (200, &[("content-length", "\n1")], LocalProtocolError::BadFieldValue),
        (200, &[("content-length", "-1")], LocalProtocolError::BadContentLength),
        (200, &[("content-length", "1"), ("Content-Length", "2")], LocalProtocolError::BadContentLength),
        (200, &[("transfer-encoding", "gzip")], LocalProtocolError::BadTransferEncoding),
    ];
    for (status, fields, fault) in rows {
        assert_eq!(answer(&get(), status, fields, Length::Unknown), Err(fault), "{status} {fields:?}");
    }
    let same: Fields<'_> = &[("content-length", "1, 1"), ("content-length", " 1")];
    assert_eq!(answer(&get(), 200, same, Length::Unknown).unwrap().0, "content-length: 1");
}

#[test]
fn a_response_with_more_fields_than_a_map_holds_is_an_error() {
    let fields = (0..40_000).map(|number| (format!("x-{number}"), "y"));
    let made = response(&get(), 200, fields, Length::Unknown, DEFAULTS);
    assert_eq!(made.map(drop), Err(LocalProtocolError::BadFieldName));
}

#[test]
fn a_refusal_is_plain_text() {
    let shown = |made: Response<()>| format!("{} {}", made.status().as_u16(), text(made.headers()));
    let rest = "date: today, server: vitok, content-type: text/plain; charset=utf-8, content-length: 2";
    let field = |name: &'static [u8], value: &'static [u8]| (name, value);
    let made = refusal(400, [field(b"Retry-After", b"1")].into_iter(), DEFAULTS).unwrap();
    assert_eq!(shown(made), format!("400 retry-after: 1, {rest}"));
    assert_eq!(
        shown(refusal(503, [field(b"a", b"b"), field(b"c d", b"")].into_iter(), DEFAULTS).unwrap()),
        format!("503 {rest}")
    );
    let silent = refusal(408, http::NO_FIELDS.into_iter(), DefaultHeaders::default()).unwrap();
    assert_eq!(shown(silent), "408 content-length: 0");
}

#[test]
fn an_early_hint_has_its_links() {
    let made = early_hint(["</a>; rel=preload", "</b>"]).unwrap();
    assert_eq!(
        (made.status().as_u16(), text(made.headers())),
        (103, "link: </a>; rel=preload, link: </b>".into())
    );
    assert_eq!(early_hint(["\n"]).map(drop), Err(LocalProtocolError::BadFieldValue));
    assert_eq!(interim(200, http::NO_FIELDS).map(drop), Err(LocalProtocolError::BadStatus));
}

#[test]
fn trailers_have_no_fields_about_framing() {
    let fields =
        [("grpc-status", "0"), ("Content-Length", "5"), ("Transfer-Encoding", "gzip"), ("Connection", "x")];
    assert_eq!(text(&trailers(fields).unwrap()), "grpc-status: 0");
    assert_eq!(trailers([("a", "\r")]).map(drop), Err(LocalProtocolError::BadFieldValue));
    assert_eq!(trailers([("a:", "")]).map(drop), Err(LocalProtocolError::BadFieldName));
}
