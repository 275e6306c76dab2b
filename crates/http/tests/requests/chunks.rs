//! Chunked content: RFC 9112 section 7.1.

use crate::reading::{Vector, row};

/// A row whose input is this chunked content after a fixed head.
macro_rules! chunks {
    ($section:literal, $rule:literal, $chunks:literal, $reads:literal) => {
        row(
            $section,
            $rule,
            concat!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", $chunks).as_bytes(),
            $reads,
        )
    };
}

pub(crate) const TABLE: &[Vector] = &[
    chunks!("9112:7.1", "two chunks", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "POST / [abcde]"),
    chunks!("9112:7.1", "no content", "0\r\n\r\n", "POST /"),
    chunks!("9112:7.1", "several zeros", "1\r\na\r\n000\r\n\r\n", "POST / [a]"),
    chunks!(
        "9112:7.1",
        "digits know no case",
        "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n",
        "POST / [01234567890123456789a]"
    ),
    chunks!("9112:7.1", "zeros in front", "0002\r\nab\r\n0\r\n\r\n", "POST / [ab]"),
    chunks!("9112:7.1", "line ends are content", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "POST / [\\r\\n\\r\\n]"),
    chunks!(
        "9112:7.1",
        "what is behind is the next",
        "0\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /; GET /b"
    ),
    chunks!("9112:8", "no last chunk", "1\r\na\r\n", "POST / [a]?"),
    chunks!("9112:7.1", "no size", "\r\nabc\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1", "a size that is no number", "g\r\nabc\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1", "0x", "0x3\r\nabc\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1", "a negative size", "-1\r\nabc\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1", "a sign", "+3\r\nabc\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1", "an underscore", "0_3\r\nabc\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1", "space in front of a size", " 3\r\nabc\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1", "space behind a size", "3 \r\nabc\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1", "a size of 17 digits", "10000000000000003\r\nabc\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1", "17 digits, most of them 0", "00000000000000003\r\nabc\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9110:15.5.14", "the largest size", "ffffffffffffffff\r\nabc", "POST /; !413"),
    chunks!("9112:7.1", "a bare LF behind a size", "3\nabc\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1", "a bare CR behind a size", "3\rabc\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1", "more content than the size", "3\r\nabcd\r\n0\r\n\r\n", "POST / [abc]; !400"),
    chunks!("9112:7.1", "less content than the size", "4\r\nabc\r\n0\r\n\r\n", "POST / [abc\\r]; !400"),
    chunks!("9112:7.1", "a bare LF behind content", "3\r\nabc\n0\r\n\r\n", "POST / [abc]; !400"),
    chunks!("9112:7.1", "a bare CR behind content", "3\r\nabc\r0\r\n\r\n", "POST / [abc]; !400"),
    chunks!("9112:7.1", "no line end behind content", "3\r\nabc0\r\n\r\n", "POST / [abc]; !400"),
    chunks!("9112:7.1.1", "an extension", "1;x\r\na\r\n0;y=z\r\n\r\n", "POST / [a]"),
    chunks!("9112:7.1.1", "several extensions", "1;a;b=c;d=\"e;\\\"\\\\ f\"\r\na\r\n0\r\n\r\n", "POST / [a]"),
    chunks!(
        "9110:5.6.3",
        "space that a reader has to take",
        "1 ;\tx = y ; z\r\na\r\n0\r\n\r\n",
        "POST / [a]"
    ),
    chunks!("9112:7.1.1", "an extension without name", "1;\r\na\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1.1", "two semicolons", "1;;x\r\na\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1.1", "an extension without value", "1;x=\r\na\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1.1", "a name that is no token", "1;x(\r\na\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1.1", "a value that is no token", "1;x=(\r\na\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1.1", "a quote that does not end", "1;x=\"y\r\na\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1.1", "more behind a quote", "1;x=\"y\"z\r\na\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1.1", "space behind an extension", "1;x y\r\na\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1.1", "NUL in an extension", "1;x=\0\r\na\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1.1", "a bare LF behind an extension", "1;x\na\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1.1", "a bare CR in an extension", "1;x\ry\r\na\r\n0\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1.2", "trailers", "0\r\nB: 1\r\nC:2 \r\n\r\n", "POST / {b=1 c=2}"),
    chunks!(
        "9112:7.1.2",
        "trailers, and the next",
        "1\r\na\r\n0\r\nB: 1\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / [a] {b=1}; GET /b"
    ),
    chunks!("9112:5.2", "a folded trailer", "0\r\nB: 1\r\n 2\r\n\r\n", "POST /; !400"),
    chunks!("9112:5.1", "space before a colon", "0\r\nB : 1\r\n\r\n", "POST /; !400"),
    chunks!("9112:2.2", "a bare LF ends a trailer", "0\r\nB: 1\n\r\n", "POST /; !400"),
    chunks!("9112:2.2", "a bare LF ends the trailers", "0\r\n\n", "POST /; !400"),
    chunks!("9112:2.2", "a bare CR ends the trailers", "0\r\n\rx", "POST /; !400"),
    chunks!("9110:5.5", "NUL in a trailer", "0\r\nB: \0\r\n\r\n", "POST /; !400"),
    chunks!("9110:6.5.1", "a length in the trailers", "0\r\nContent-Length: 5\r\n\r\n", "POST /; !400"),
    chunks!(
        "9110:6.5.1",
        "a coding in the trailers",
        "0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /; !400"
    ),
    chunks!("9110:6.5.1", "Host in the trailers", "0\r\nHost: b\r\n\r\n", "POST /; !400"),
    chunks!("9112:7.1.2", "a request line for a trailer", "0\r\nGET / HTTP/1.1\r\n\r\n", "POST /; !400"),
];
