//! Peers that would like to forge a line: whatever they send, a value stays where it is.

use crate::lines::{JSON, TEXT, line_of, lines_of, read};

/// Bytes that have a meaning somewhere: quotes, backslashes, ends of lines (Python's too), escapes of terminals, turns of
/// direction, bytes that are no UTF-8.
const BYTES: [&[u8]; 16] = [
    b"\"",
    b"\\",
    b"\\\"",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xe2\x80\xae",
    b"\xe2\x80\x8b",
    b"\xd8\x9c",
    b"\xc2\xad",
    b"\xef\xbf\xb9",
    b"\xf3\xa0\x81\x81",
    b"\xc2\x9b31m",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xf0\x9f",
    b"\t",
];

#[test]
fn fields_stay_between_their_quotes() {
    for bytes in BYTES {
        let field = [b"User-Agent: a", bytes, b"b"].concat();
        let line = line_of("\"%(a)s\" %(s)s", TEXT, b"/", &[&field]);
        assert!(line.starts_with("\"a") && line.ends_with("b\" 200"), "{line}");
        assert_eq!(line.matches('"').count(), 2, "{line}");
        assert!(line.is_ascii() && !line.contains(|letter: char| letter.is_control()), "{line}");
    }
}

#[test]
fn escapes_can_be_read_back() {
    for (value, wanted) in [
        (&b"a\"b"[..], "a\\x22b"),
        (b"a\\b", "a\\x5cb"),
        (b"a\\x22b", "a\\x5cx22b"),
        (b"caf\xe9", "caf\\xe9"),
        ("café".as_bytes(), "café"),
        ("a\u{2028}b".as_bytes(), "a\\xe2\\x80\\xa8b"),
        (b"a\tb", "a\\x09b"),
    ] {
        assert_eq!(line_of("%(a)s", TEXT, b"/", &[&[b"User-Agent: ", value].concat()]), wanted);
    }
}

#[test]
fn targets_stay_between_their_quotes() {
    for (target, wanted) in [
        (&b"/\"quoted\""[..], "/%22quoted%22"),
        (b"/a\\", "/a%5C"),
        (b"/caf\xe9", "/caf%E9"),
        ("/café".as_bytes(), "/café"),
        ("/\u{85}200".as_bytes(), "/%C2%85200"),
        ("/\u{2028}".as_bytes(), "/%E2%80%A8"),
        (b"/%0a%22", "/%0a%22"),
    ] {
        // Some of these are refused, and logged all the same.
        let data = [b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let lines = lines_of(&read("\"%(r)s\" \"%(U)s\"", TEXT), &data, &[]);
        assert_eq!(lines, [format!("\"GET {wanted} HTTP/1.1\" \"{wanted}\"")]);
    }
}

#[test]
fn json_stays_json() {
    for bytes in BYTES {
        let field = [b"User-Agent: a", bytes, b"b"].concat();
        let line = line_of("%(a)s", JSON, b"/", &[&field]);
        let inner = line.strip_prefix("{\"a\":\"a").and_then(|rest| rest.strip_suffix("b\"}"));
        let inner = inner.unwrap_or_else(|| panic!("{line}"));
        let unescaped = inner.replace("\\\\", "").replace("\\\"", "");
        assert!(!unescaped.contains('"') && line.is_ascii(), "{line}");
    }
}

#[test]
fn json_has_two_escapes_for_a_character_beyond_the_first_plane() {
    let line = line_of("%(a)s", JSON, b"/", &["User-Agent: a\u{e0041}\u{1f600}b".as_bytes()]);
    assert_eq!(line, "{\"a\":\"a\\udb40\\udc41\u{1f600}b\"}");
}

#[test]
fn what_is_no_request_has_no_parts() {
    for data in [&b"\x16\x03\x01\x02\x00\x01\r\n\r\n"[..], b"GET\r\n\r\n", b"a b c d\r\n\r\n"] {
        let lines = lines_of(&read("%(r)s %(m)s %(U)s %(q)s %(H)s %(a)s %({x}o)s %(s)s", TEXT), data, &[]);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("- - - - - - - "), "{lines:?}");
    }
}

#[test]
fn a_refused_line_has_its_parts() {
    let data = b"GET /a?b HTTP/9.9\r\nHost: a\r\n\r\n";
    let lines = lines_of(&read("%(r)s|%(m)s|%(U)s|%(q)s|%(H)s|%(s)s", TEXT), data, &[]);
    assert_eq!(lines, ["GET /a?b HTTP/9.9|GET|/a|b|HTTP/9.9|505"]);
}

#[test]
fn long_values_are_whole() {
    let long = "x".repeat(100_000);
    let line = line_of("%(a)s", TEXT, b"/", &[format!("User-Agent: {long}").as_bytes()]);
    assert_eq!(line, long);
}

#[test]
fn requests_of_one_connection_have_their_own_parts() {
    let one = "GET /1 HTTP/1.1\r\nHost: a\r\nUser-Agent: one\r\n\r\n";
    let two = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    let lines =
        lines_of(&read("%(U)s %(a)s %({x}o)s", TEXT), format!("{one}{two}{one}").as_bytes(), &[("x", "y")]);
    assert_eq!(lines, ["/1 one y", "/2 - y", "/1 one y"]);
}
