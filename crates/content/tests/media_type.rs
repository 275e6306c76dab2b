//! Values of Content-Type as clients send them, and values that are none.

use content::media_type::MediaType;

fn charset(value: &str) -> Option<String> {
    let charset = MediaType::parse(value.as_bytes()).and_then(|media_type| media_type.charset());
    match charset {
        Ok(charset) => charset.map(|charset| String::from_utf8_lossy(&charset).into_owned()),
        Err(error) => Some(error.to_string()),
    }
}

#[test]
fn types_are_compared_without_case() {
    let media_type = MediaType::parse(b" Application/PROBLEM+json ").unwrap();
    assert!(media_type.is(b"application", b"problem+json") && !media_type.is(b"application", b"json"));
    assert_eq!((media_type.kind(), media_type.subtype()), (&b"Application"[..], &b"PROBLEM+json"[..]));
}

#[test]
fn parameters_may_be_quoted_and_empty_ones_are_left_out() {
    assert_eq!(charset("text/plain"), None);
    assert_eq!(charset("text/plain;charset=UTF-8").as_deref(), Some("UTF-8"));
    assert_eq!(charset("text/plain ;\t; a=b ; CHARSET=\"a\\\"b\\\\\" ;").as_deref(), Some("a\"b\\"));
    assert_eq!(charset("text/plain; x=\"; charset=no\"; charset=yes").as_deref(), Some("yes"));
    assert_eq!(charset("text/plain; charset=\"\"").as_deref(), Some(""));
}

#[test]
fn boundaries_may_lack_their_quotes() {
    for value in
        ["multipart/form-data; boundary=--=_part/1:a?", "multipart/form-data; boundary=\"--=_part/1:a?\""]
    {
        let media_type = MediaType::parse(value.as_bytes()).unwrap();
        assert_eq!(media_type.boundary().unwrap().as_deref(), Some(&b"--=_part/1:a?"[..]), "{value}");
    }
}

#[test]
fn a_parameter_that_occurs_twice_is_refused_where_it_matters() {
    let media_type = MediaType::parse(b"multipart/form-data; boundary=a; Boundary=b; charset=c").unwrap();
    assert_eq!(media_type.boundary().unwrap_err().status(), 400);
    assert!(media_type.charset().is_ok());
}

#[test]
fn what_is_no_media_type_is_refused_where_it_is_wrong() {
    for (value, at) in [
        ("", 0),
        ("text", 4),
        ("/html", 0),
        ("text/", 5),
        ("text/html/x", 9),
        ("text/html, text/plain", 9),
        ("text /html", 4),
        ("text/html; charset", 18),
        ("text/html; charset=", 19),
        ("text/html; charset =utf-8", 18),
        ("text/html; charset=\"utf-8", 25),
        ("text/html; charset=\"utf-8\\", 25),
        ("text/html; charset=a b", 21),
        ("text/html; charset=a\0", 20),
    ] {
        let error = MediaType::parse(value.as_bytes()).expect_err(value);
        assert_eq!((error.status(), error.at()), (400, at), "{value}: {error}");
    }
}
