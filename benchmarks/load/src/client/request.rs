//! The HTTP/1.1 request of every client: what wrk sends, except the name of the program.
//!
//! It is built once and sent unchanged. `response.rs` reads the answers.

use std::net::SocketAddrV4;

use crate::failure::Failure;
use crate::options::Arguments;

/// The contents of a request.
pub(super) struct Request<'a> {
    pub(super) path: &'a str,
    pub(super) target: SocketAddrV4,
    /// The length of the body; a request with one is a POST.
    pub(super) body: usize,
    /// Whether the server is asked to close the connection after its answer (RFC 9112, section 9.6).
    pub(super) is_last: bool,
}

/// Takes `--path`.
pub(super) fn path(arguments: &mut Arguments) -> Result<String, Failure> {
    Ok(arguments.value("--path")?.unwrap_or_else(|| "/".to_owned()))
}

impl Request<'_> {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let Self { path, target, body, is_last } = self;
        let method = if *body > 0 { "POST" } else { "GET" };
        let close = if *is_last { "Connection: close\r\n" } else { "" };
        let length = if *body > 0 {
            format!("Content-Type: application/octet-stream\r\nContent-Length: {body}\r\n")
        } else {
            String::new()
        };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {target}\r\n{close}{length}\r\n");
        head.into_bytes().into_iter().chain(std::iter::repeat_n(b'b', *body)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn text(body: usize, is_last: bool) -> String {
        let target = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
        let request = Request { path: "/x", target, body, is_last };
        String::from_utf8(request.to_bytes()).unwrap()
    }

    #[test]
    fn it_is_a_post_with_a_length_where_there_is_a_body() {
        assert_eq!(text(0, false), "GET /x HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n");
        assert!(text(0, true).contains("\r\nConnection: close\r\n"));
        let post = text(3, false);
        assert!(post.starts_with("POST /x "), "{post}");
        assert!(post.ends_with("\r\nContent-Length: 3\r\n\r\nbbb"), "{post}");
    }
}
