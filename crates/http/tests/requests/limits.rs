//! Each limit, at its largest allowed value and one past it, whole and byte by byte.

use http::Limits;

use crate::reading::read_pieces;

fn assert_reads(input: &str, limits: Limits, reads: &str) {
    assert_eq!(read_pieces(&[input.as_bytes()], limits), reads, "whole: {input:?}");
    let bytes: Vec<&[u8]> = input.as_bytes().chunks(1).collect();
    assert_eq!(read_pieces(&bytes, limits), reads, "byte by byte: {input:?}");
}

#[test]
fn the_request_line() {
    let limits = Limits { request_line_bytes: 16, ..Limits::UNLIMITED };
    assert_reads("GET /ab HTTP/1.1\r\nHost: a\r\n\r\n", limits, "GET /ab");
    assert_reads("GET /abc HTTP/1.1\r\nHost: a\r\n\r\n", limits, "!414");
    assert_reads("GET /abc HTTP/1.0\r\n\r\n", limits, "!414");
    assert_reads("GET /and-so-on-without-an-end-in-sight", limits, "!414");
}

#[test]
fn the_head() {
    let input = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_reads(input, Limits { head_bytes: input.len(), ..Limits::UNLIMITED }, "GET /");
    assert_reads(input, Limits { head_bytes: input.len() - 1, ..Limits::UNLIMITED }, "!431");
    let endless = "GET / HTTP/1.1\r\nHost: a\r\nB: and so on without an end in sight";
    assert_reads(endless, Limits { head_bytes: 40, ..Limits::UNLIMITED }, "!431");
}

#[test]
fn the_number_of_fields() {
    let limits = Limits { fields: 2, ..Limits::UNLIMITED };
    assert_reads("GET / HTTP/1.1\r\nHost: a\r\nB: 1\r\n\r\n", limits, "GET / b=1");
    assert_reads("GET / HTTP/1.1\r\nHost: a\r\nB: 1\r\nC: 2\r\n\r\n", limits, "!431");
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nB: 1\r\nC: 1\r\n";
    assert_reads(&format!("{chunked}\r\n"), limits, "POST / {b=1 c=1}");
    assert_reads(&format!("{chunked}D: 1\r\n\r\n"), limits, "POST /; !431");
}

#[test]
fn more_fields_than_there_is_room_for_at_all() {
    let head = |fields: usize| format!("GET / HTTP/1.0\r\n{}\r\n", "connection: a\r\n".repeat(fields));
    assert_reads(&head(256), Limits::UNLIMITED, "GET / ~");
    assert_reads(&head(257), Limits::UNLIMITED, "!431");
}

#[test]
fn the_method() {
    let limits = Limits { method_bytes: 3, ..Limits::UNLIMITED };
    assert_reads("PUT / HTTP/1.1\r\nHost: a\r\n\r\n", limits, "PUT /");
    assert_reads("POST / HTTP/1.1\r\nHost: a\r\n\r\n", limits, "!501");
    // The error comes before the end of the line, and before any other error in it.
    assert_reads("POST", limits, "!501");
    assert_reads(&"A".repeat(100_000), limits, "!501");
    assert_reads("\r\nPOST nonsense\r\n\r\n", limits, "!501");
    // Bytes that are not a method are not a method that is too long.
    assert_reads("P\"ST / HTTP/1.1\r\nHost: a\r\n\r\n", limits, "!400");
}

#[test]
fn the_line_of_a_refused_request() {
    let cases: [(&str, Option<&str>); 8] = [
        ("GET /a HTTP/9.9\r\nHost: a\r\n\r\n", Some("GET /a HTTP/9.9")),
        ("GET /a\"b HTTP/1.1\r\n\r\n", Some("GET /a\"b HTTP/1.1")),
        ("GET /a HTTP/1.1\r\nHost: a\r\nB : c\r\n\r\n", Some("GET /a HTTP/1.1")),
        ("GET /a HTTP/1.1\r\nHost: a\0", Some("GET /a HTTP/1.1")),
        ("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", None),
        ("GET /a  HTTP/1.1\r\nHost: a\r\n\r\n", None),
        ("nonsense\r\n\r\n", None),
        ("\u{16}\u{3}\u{1}\u{2}", None),
    ];
    for (input, line) in cases {
        for size in [1, 2, 7, input.len()] {
            let mut connection = http::Connection::new(Limits::UNLIMITED);
            let refused =
                input.as_bytes().chunks(size).any(|mut piece| connection.receive(&mut piece).is_err());
            assert!(refused, "{input:?}");
            assert_eq!(connection.request_line(), line.map(str::as_bytes), "{input:?} in pieces of {size}");
        }
    }
}

#[test]
fn the_line_of_a_request_that_is_read() {
    let mut connection = http::Connection::new(Limits::UNLIMITED);
    assert_eq!(connection.request_line(), None);
    for mut piece in [&b"POST /a HTTP/1.1\r"[..], b"\nHost: a\r\nContent-Length: 9\r\n\r\nabc"] {
        connection.receive(&mut piece).unwrap();
    }
    assert_eq!(connection.request_line(), Some(&b"POST /a HTTP/1.1"[..]));
}

#[test]
fn the_content() {
    let limits = Limits { body_bytes: 3, ..Limits::UNLIMITED };
    let head = "POST / HTTP/1.1\r\nHost: a\r\n";
    assert_reads(&format!("{head}Content-Length: 3\r\n\r\nabc"), limits, "POST / [abc]");
    assert_reads(&format!("{head}Content-Length: 4\r\n\r\nabcd"), limits, "!413");
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    assert_reads(&format!("{chunked}2\r\nbc\r\n0\r\n\r\n"), limits, "POST / [abc]");
    assert_reads(&format!("{chunked}3\r\nbcd\r\n0\r\n\r\n"), limits, "POST / [a]; !413");
}

#[test]
fn extensions_of_one_chunk_and_of_all() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let limits = Limits { chunk_extension_bytes: 4, chunk_extensions_bytes: 6, ..Limits::UNLIMITED };
    assert_reads(&format!("{head}1;xy\r\na\r\n0\r\n\r\n"), limits, "POST / [a]");
    assert_reads(&format!("{head}1;wxyz\r\na\r\n0\r\n\r\n"), limits, "POST /; !400");
    assert_reads(&format!("{head}1;x\r\na\r\n1;x\r\nb\r\n0\r\n\r\n"), limits, "POST / [ab]");
    assert_reads(&format!("{head}1;x\r\na\r\n1;xy\r\nb\r\n0\r\n\r\n"), limits, "POST / [a]; !400");
}

#[test]
fn the_trailers() {
    let input = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nB: 1\r\n\r\n";
    assert_reads(input, Limits { trailer_bytes: 8, ..Limits::UNLIMITED }, "POST / {b=1}");
    assert_reads(input, Limits { trailer_bytes: 7, ..Limits::UNLIMITED }, "POST /; !431");
}

#[test]
fn an_unfinished_line_of_a_garbage_peer() {
    assert_reads("\0", Limits::UNLIMITED, "!400");
    assert_reads("GET / HTTP/1.1\r\nHost: a\r\nB: \0", Limits::UNLIMITED, "!400");
}
