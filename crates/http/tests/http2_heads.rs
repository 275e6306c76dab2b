//! The rules for heads of HTTP/2 (RFC 9113 sections 8.2 and 8.3): a table of what is refused, and what is taken over.

use http::{Framing, Head, Http2Request, Limits, NO_FIELDS, RemoteProtocolError, TargetForm, Version};

type Fields<'a> = &'a [(&'a str, &'a str)];

const GET: Http2Request<'_> =
    Http2Request { method: b"GET", path: b"/", authority: Some(b"a"), has_protocol: false, is_whole: true };
const POST: Http2Request<'_> = Http2Request { method: b"POST", is_whole: false, ..GET };

fn read(request: Http2Request<'_>, fields: Fields<'_>) -> Result<Head, RemoteProtocolError> {
    within(request, fields, Limits::UNLIMITED)
}

fn within(
    request: Http2Request<'_>,
    fields: Fields<'_>,
    limits: Limits,
) -> Result<Head, RemoteProtocolError> {
    Head::of_http2(request, fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())), &limits)
}

fn refusal(request: Http2Request<'_>, fields: Fields<'_>) -> (u16, &'static str) {
    let Err(refusal) = read(request, fields) else { panic!("a request that is refused: {fields:?}") };
    (refusal.status(), refusal.because())
}

fn shown(head: &Head) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let fields = head.fields().iter().map(|(name, value)| format!("{}={}", text(name), text(value)));
    fields.collect::<Vec<_>>().join(" | ")
}

#[test]
fn a_request_line_is_made_of_the_pseudo_header_fields() {
    let head = read(Http2Request { path: b"/b?c?d", ..POST }, &[]).unwrap();
    assert_eq!((head.line(), head.version()), (&b"POST /b?c?d HTTP/2"[..], Version::Http2));
    assert_eq!((head.target(), head.path(), head.query()), (&b"/b?c?d"[..], &b"/b"[..], &b"c?d"[..]));
    assert_eq!((head.method(), head.target_form()), (&b"POST"[..], TargetForm::Origin));
    let options = Http2Request { method: b"OPTIONS", path: b"*", ..GET };
    assert_eq!(read(options, &[]).unwrap().target_form(), TargetForm::Asterisk);
}

#[test]
fn paths_of_other_forms_are_refused() {
    for path in ["", "*", "a", "?a", "https://a/", "//a b", "/a#b", "/\u{e9}", "/\0"] {
        let (status, because) = refusal(Http2Request { path: path.as_bytes(), ..GET }, &[]);
        assert_eq!(
            (status, because),
            (400, "a malformed or missing :path (RFC 9113 section 8.3.1)"),
            "{path}"
        );
    }
    assert!(read(Http2Request { path: b"//a", ..GET }, &[]).is_ok());
}

#[test]
fn methods_are_tokens() {
    for method in ["", "G T", "GET\n", "G\u{e9}T", "\"GET\""] {
        let (status, because) = refusal(Http2Request { method: method.as_bytes(), ..GET }, &[]);
        assert_eq!((status, because), (400, "a malformed method (RFC 9110 section 9.1)"), "{method}");
    }
    assert_eq!(read(Http2Request { method: b"spam", ..GET }, &[]).unwrap().method(), b"spam");
}

#[test]
fn the_authority_is_the_first_field_and_replaces_the_same_host() {
    let fields: Fields<'_> = &[("x", "y"), ("host", "EXAMPLE.org:80")];
    let head = read(Http2Request { authority: Some(b"example.org:80"), ..GET }, fields).unwrap();
    assert_eq!(shown(&head), "host=example.org:80 | x=y");
    let head = read(Http2Request { authority: None, ..GET }, fields).unwrap();
    assert_eq!(shown(&head), "x=y | host=EXAMPLE.org:80");
}

#[test]
fn hosts_that_are_missing_malformed_or_differ_are_refused() {
    let none = Http2Request { authority: None, ..GET };
    let rows: [(Http2Request<'_>, Fields<'_>, &str); 9] = [
        (none, &[], "no Host field"),
        (none, &[("host", "a"), ("host", "a")], "more than one Host field"),
        (none, &[("host", "")], "an empty Host field"),
        (none, &[("host", ":80")], "an empty Host field"),
        (none, &[("host", "a b")], "a malformed Host"),
        (GET, &[("host", "b")], "a Host other than :authority"),
        (GET, &[("host", "a"), ("host", "a")], "more than one Host field"),
        (Http2Request { authority: Some(b""), ..GET }, &[], "an empty Host field"),
        (Http2Request { authority: Some(b"user@a"), ..GET }, &[], "a malformed Host"),
    ];
    for (request, fields, because) in rows {
        let found = refusal(request, fields);
        assert!(found.0 == 400 && found.1.starts_with(because), "{because}: {found:?}");
    }
}

#[test]
fn cookies_are_joined_wherever_they_stand() {
    let head =
        read(GET, &[("cookie", "a=b"), ("cookie", "c=d"), ("x", "y"), ("cookie", "e=f"), ("cookie", "g")]);
    assert_eq!(shown(&head.unwrap()), "host=a | cookie=a=b; c=d; e=f; g | x=y");
}

#[test]
fn names_are_tokens_in_lower_case() {
    for name in ["", "A", "a b", "a:", ":path", "a\"", "\u{e9}", "a\0"] {
        assert_eq!(
            refusal(GET, &[(name, "v")]).1,
            "a malformed field name (RFC 9113 section 8.2.1)",
            "{name}"
        );
    }
    assert_eq!(shown(&read(GET, &[("a!#$%&'*+-.^_`|~0", "v")]).unwrap()), "host=a | a!#$%&'*+-.^_`|~0=v");
}

#[test]
fn values_have_no_control_characters_and_no_white_space_around_them() {
    for value in [" a", "a ", "\ta", "a\t", " ", "a\r\nb", "a\0", "\x7f"] {
        assert_eq!(
            refusal(GET, &[("a", value)]).1,
            "a malformed field value (RFC 9113 section 8.2.1)",
            "{value}"
        );
    }
    assert_eq!(shown(&read(GET, &[("a", "b \t\u{e9}"), ("c", "")]).unwrap()), "host=a | a=b \t\u{e9} | c=");
}

#[test]
fn fields_of_a_connection_are_refused() {
    let fields = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"];
    for name in fields {
        assert_eq!(
            refusal(GET, &[(name, "close")]).1,
            "a field of a connection (RFC 9113 section 8.2.2)",
            "{name}"
        );
    }
    assert_eq!(shown(&read(GET, &[("te", "trailers")]).unwrap()), "host=a | te=trailers");
}

#[test]
fn the_length_of_the_content_agrees_with_the_stream() {
    assert_eq!(read(GET, &[]).unwrap().framing(), Framing::Length(0));
    assert_eq!(read(POST, &[]).unwrap().framing(), Framing::Chunked);
    assert_eq!(read(POST, &[("content-length", "5")]).unwrap().framing(), Framing::Length(5));
    assert_eq!(read(POST, &[("content-length", "0")]).unwrap().framing(), Framing::Length(0));
    let rows: [(Http2Request<'_>, Fields<'_>, u16); 5] = [
        (GET, &[("content-length", "5")], 400),
        (POST, &[("content-length", "+5")], 400),
        (POST, &[("content-length", "5"), ("content-length", "5")], 400),
        (POST, &[("content-length", "5, 5")], 400),
        (POST, &[("content-length", "99999999999999999999")], 413),
    ];
    for (request, fields, status) in rows {
        assert_eq!(refusal(request, fields).0, status, "{fields:?}");
    }
}

#[test]
fn a_client_may_wait_for_100() {
    assert!(read(POST, &[("expect", "100-continue")]).unwrap().expects_continue());
    assert!(!read(GET, &[("expect", "100-continue")]).unwrap().expects_continue());
}

#[test]
fn a_tunnel_has_no_path_and_no_content() {
    let connect = Http2Request { method: b"CONNECT", path: b"", authority: Some(b"a:443"), ..POST };
    let head = read(connect, &[]).unwrap();
    assert_eq!((head.line(), head.framing()), (&b"CONNECT a:443 HTTP/2"[..], Framing::Length(0)));
    assert_eq!((shown(&head), head.path()), ("host=a:443".to_owned(), &b""[..]));
    assert_eq!(refusal(Http2Request { path: b"/", ..connect }, &[]).0, 400);
    for authority in [None, Some(&b"a"[..]), Some(b":443")] {
        assert_eq!(refusal(Http2Request { authority, ..connect }, &[("host", "a")]).0, 400, "{authority:?}");
    }
}

#[test]
fn an_extended_connect_has_a_path() {
    let connect = Http2Request { method: b"CONNECT", path: b"/chat", has_protocol: true, ..POST };
    let head = read(connect, &[]).unwrap();
    assert_eq!(
        (head.target_form(), head.path(), head.framing()),
        (TargetForm::Origin, &b"/chat"[..], Framing::Length(0))
    );
    assert_eq!(refusal(Http2Request { path: b"", ..connect }, &[]).0, 400);
}

#[test]
fn each_limit_has_its_status() {
    let all = Limits::UNLIMITED;
    let fields: Fields<'_> = &[("abc", "def"), ("ghi", "jkl")];
    // `GET / HTTP/2`, `hosta`, and two fields of 6 bytes; each field counts 4 bytes in addition.
    let rows = [
        (Limits { method_bytes: 3, ..all }, Limits { method_bytes: 2, ..all }, 501),
        (Limits { request_line_bytes: 12, ..all }, Limits { request_line_bytes: 11, ..all }, 414),
        (Limits { head_bytes: 41, ..all }, Limits { head_bytes: 40, ..all }, 431),
        (Limits { fields: 3, ..all }, Limits { fields: 2, ..all }, 431),
    ];
    for (enough, less, status) in rows {
        assert!(within(GET, fields, enough).is_ok(), "{status}");
        assert_eq!(within(GET, fields, less).unwrap_err().status(), status);
    }
    let limits = Limits { body_bytes: 4, ..all };
    assert_eq!(within(POST, &[("content-length", "5")], limits).unwrap_err().status(), 413);
}

#[test]
fn a_request_that_is_refused_leaves_nothing_to_the_next_one() {
    assert!(read(GET, &[("a", "b"), ("C", "d")]).is_err());
    assert_eq!(shown(&Head::of_http2(GET, NO_FIELDS, &Limits::UNLIMITED).unwrap()), "host=a");
}
