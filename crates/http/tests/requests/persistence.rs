//! Connections that are used again, and those that change protocols: RFC 9112 section 9, RFC 9110 section 7.8.

use crate::reading::{Vector, row};

/// A row of heads, each of which is followed by a blank line.
macro_rules! heads {
    ($section:literal, $rule:literal, [$($head:literal),+], $reads:literal) => {
        row($section, $rule, concat!($($head, "\r\n\r\n"),+).as_bytes(), $reads)
    };
}

pub(crate) const TABLE: &[Vector] = &[
    heads!(
        "9112:9.3",
        "1.1 goes on",
        ["GET / HTTP/1.1\r\nHost: a", "GET /b HTTP/1.1\r\nHost: a"],
        "GET /; GET /b"
    ),
    heads!(
        "9112:9.6",
        "close ends it",
        ["GET / HTTP/1.1\r\nHost: a\r\nConnection: close", "GET /b HTTP/1.1\r\nHost: a"],
        "GET / ~"
    ),
    heads!(
        "9112:9.6",
        "close in a list",
        ["GET / HTTP/1.1\r\nHost: a\r\nConnection: te , CLOSE", "GET /b HTTP/1.1\r\nHost: a"],
        "GET / ~"
    ),
    heads!(
        "9112:9.6",
        "close on another line",
        ["GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close", "x"],
        "GET / ~"
    ),
    heads!(
        "9112:9.6",
        "close is more than keep-alive",
        ["GET / HTTP/1.0\r\nConnection: keep-alive, close", "x"],
        "GET / ~"
    ),
    heads!(
        "9112:9.6",
        "closed is not close",
        ["GET / HTTP/1.1\r\nHost: a\r\nConnection: closed", "GET /b HTTP/1.1\r\nHost: a"],
        "GET /; GET /b"
    ),
    heads!("9112:9.3", "1.0 ends", ["GET / HTTP/1.0", "GET /b HTTP/1.0"], "GET / ~"),
    heads!(
        "9112:9.3",
        "1.0 goes on if it asks",
        ["GET / HTTP/1.0\r\nConnection: Keep-Alive", "GET /b HTTP/1.0"],
        "GET /; GET /b ~"
    ),
    heads!(
        "9112:9.3.2",
        "three at once",
        ["GET /a HTTP/1.1\r\nHost: a", "HEAD /b HTTP/1.1\r\nHost: a", "OPTIONS * HTTP/1.1\r\nHost: a"],
        "GET /a; HEAD /b; OPTIONS *"
    ),
    heads!(
        "9112:9.3.2",
        "a bad one behind a good one",
        ["GET /a HTTP/1.1\r\nHost: a", "GET /b HTTP/1.1"],
        "GET /a; !400"
    ),
    heads!(
        "9110:7.8",
        "Upgrade",
        ["GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket", "x"],
        "GET / ^websocket"
    ),
    heads!(
        "9110:7.8",
        "Upgrade needs Connection",
        ["GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket", "GET /b HTTP/1.1\r\nHost: a"],
        "GET /; GET /b"
    ),
    heads!(
        "9110:7.8",
        "Upgrade is not for 1.0",
        ["GET / HTTP/1.0\r\nConnection: upgrade, keep-alive\r\nUpgrade: x", "GET /b HTTP/1.0"],
        "GET /; GET /b ~"
    ),
    heads!(
        "9110:7.8",
        "an empty Upgrade",
        ["GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade:", "GET /b HTTP/1.1\r\nHost: a"],
        "GET /; GET /b"
    ),
    row("9112:9.8", "nothing", b"", ""),
    row("9112:9.8", "a part of a head", b"GET / HTTP/1.1\r\nHos", "?"),
    row("9112:2.2", "a part of a line end", b"GET / HTTP/1.1\r\nHost: a\r\n\r", "?"),
    row(
        "9112:2.2",
        "a line end behind content",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / [x]; GET /b",
    ),
];
