//! HTTP/2 for servers (RFC 9113).

#[cfg_attr(not(test), expect(dead_code, reason = "the streams of a connection will use it"))]
mod priority;
#[cfg_attr(not(test), expect(dead_code, reason = "the streams of a connection will use it"))]
mod schedule;
