//! The request of every client: what wrk sends, except the name of the program.
//!
//! In HTTP/1.1 it is built once and sent unchanged, and `response.rs` reads the answers; `http2/` has its other form.

use std::net::SocketAddrV4;

use crate::failure::Failure;
use crate::options::Arguments;

/// The contents of a request.
pub(super) struct Request<'a> {
    pub(super) path: &'a str,
    pub(super) target: SocketAddrV4,
    pub(super) body: &'a Body,
    /// Whether the server is asked to close the connection after its answer (RFC 9112, section 9.6).
    pub(super) is_last: bool,
}

/// The body of a request; a request with one is a POST.
#[derive(Default)]
pub(super) struct Body {
    content: Vec<u8>,
    media_type: String,
}

impl Body {
    /// Takes `--body`, a length, or `--content`, a text with its `--type`.
    pub(super) fn from(arguments: &mut Arguments) -> Result<Self, Failure> {
        let length: Option<usize> = arguments.value("--body")?;
        let text: Option<String> = arguments.value("--content")?;
        let kind = arguments.value("--type")?;
        match (length, text) {
            (Some(_), Some(_)) => Err(Failure::Usage("--body and --content exclude each other".into())),
            (length, None) => Ok(Self::of(vec![b'b'; length.unwrap_or(0)], kind)),
            (None, Some(text)) => Ok(Self::of(text.into_bytes(), kind)),
        }
    }

    pub(super) fn content(&self) -> &[u8] {
        &self.content
    }

    pub(super) fn media_type(&self) -> &str {
        &self.media_type
    }

    fn of(content: Vec<u8>, kind: Option<String>) -> Self {
        Self { content, media_type: kind.unwrap_or_else(|| "application/octet-stream".to_owned()) }
    }
}

/// Takes `--path`.
pub(super) fn path(arguments: &mut Arguments) -> Result<String, Failure> {
    Ok(arguments.value("--path")?.unwrap_or_else(|| "/".to_owned()))
}

impl Request<'_> {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let Self { path, target, body, is_last } = self;
        let Body { content, media_type } = body;
        let method = if content.is_empty() { "GET" } else { "POST" };
        let close = if *is_last { "Connection: close\r\n" } else { "" };
        let length = if content.is_empty() {
            String::new()
        } else {
            format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", content.len())
        };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {target}\r\n{close}{length}\r\n");
        [head.as_bytes(), content].concat()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn text(options: &str, is_last: bool) -> String {
        let mut arguments = Arguments::new(options.split_whitespace().map(String::from));
        let body = Body::from(&mut arguments).unwrap();
        arguments.finish().unwrap();
        let target = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
        let request = Request { path: "/x", target, body: &body, is_last };
        String::from_utf8(request.to_bytes()).unwrap()
    }

    #[test]
    fn it_is_a_post_with_a_length_where_there_is_a_body() {
        assert_eq!(text("", false), "GET /x HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n");
        assert!(text("", true).contains("\r\nConnection: close\r\n"));
        let post = text("--body 3", false);
        assert!(post.starts_with("POST /x "), "{post}");
        assert!(post.ends_with("\r\nContent-Length: 3\r\n\r\nbbb"), "{post}");
    }

    #[test]
    fn a_content_is_sent_as_it_is() {
        let post = text("--content a=1&b=2 --type application/x-www-form-urlencoded", false);
        let end = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=1&b=2";
        assert!(post.ends_with(end), "{post}");
    }
}
