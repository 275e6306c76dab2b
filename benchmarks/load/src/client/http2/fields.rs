//! Header blocks (RFC 7541): that of the request, written once, and the status of a response.
//!
//! Fields that do not change are in the server's table after the first request, as most clients have it; the path and a
//! length are sent literally each time, as nghttp2 does. Of a response, nothing but the status is read, which comes
//! first (RFC 9113, section 8.3.2): so no table is kept here. Frames are not known here.

use crate::client::request::Request;

/// Places in the static table (RFC 7541, appendix A).
const AUTHORITY: u8 = 1;
const METHOD_GET: u8 = 2;
const METHOD_POST: u8 = 3;
const PATH: u8 = 4;
const SCHEME_HTTP: u8 = 6;
const SCHEME_HTTPS: u8 = 7;
const CONTENT_LENGTH: u8 = 28;
const CONTENT_TYPE: u8 = 31;
/// The place of the field that was added last to the dynamic table.
const NEWEST: u8 = 62;
/// The places of `:status`, and the first of those with an error.
const STATUS: std::ops::RangeInclusive<u8> = 8..=14;
const STATUS_400: u8 = 12;

const INDEXED: u8 = 0x80;
const ADDED: u8 = 0x40;
const SIZE_OF_TABLE: u8 = 0x20;
/// In the length of a text: it is compressed by Huffman's code.
const HUFFMAN: u8 = 0x80;

/// The blocks of one request on a connection.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    pub(super) first: Vec<u8>,
    pub(super) later: Vec<u8>,
}

/// What a block says about a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// The final response follows.
    Interim,
    Success,
    /// 400 or above.
    Refused,
}

impl Blocks {
    /// `has_table` says whether the server keeps a table of the default size.
    pub(super) fn of(request: &Request<'_>, is_secure: bool, has_table: bool) -> Self {
        let table = if has_table { Table::Empty } else { Table::None };
        let first = block(request, is_secure, table);
        let later = if has_table { block(request, is_secure, Table::Filled) } else { first.clone() };
        // A table that was made smaller is confirmed once (RFC 7541, section 4.2).
        let first = if has_table { first } else { [&[SIZE_OF_TABLE], first.as_slice()].concat() };
        Self { first, later }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    None,
    Empty,
    Filled,
}

fn block(request: &Request<'_>, is_secure: bool, table: Table) -> Vec<u8> {
    let (content, media_type) = (request.body.content(), request.body.media_type());
    let has_body = !content.is_empty();
    let method = if has_body { METHOD_POST } else { METHOD_GET };
    let scheme = if is_secure { SCHEME_HTTPS } else { SCHEME_HTTP };
    let mut block = vec![INDEXED | method, INDEXED | scheme];
    // The authority is added before the media type, and so becomes the older one.
    push_kept(&mut block, AUTHORITY, &request.target.to_string(), table, NEWEST + u8::from(has_body));
    push_literal(&mut block, PATH, request.path);
    if has_body {
        push_kept(&mut block, CONTENT_TYPE, media_type, table, NEWEST);
        push_literal(&mut block, CONTENT_LENGTH, &content.len().to_string());
    }
    block
}

/// Adds a field that the server keeps.
fn push_kept(block: &mut Vec<u8>, name: u8, value: &str, table: Table, place: u8) {
    match table {
        Table::None => push_literal(block, name, value),
        Table::Empty => {
            block.push(ADDED | name);
            push_text(block, value);
        }
        Table::Filled => block.push(INDEXED | place),
    }
}

/// Adds a field that is not kept.
fn push_literal(block: &mut Vec<u8>, name: u8, value: &str) {
    push_integer(block, 4, usize::from(name));
    push_text(block, value);
}

fn push_text(block: &mut Vec<u8>, text: &str) {
    push_integer(block, 7, text.len());
    block.extend_from_slice(text.as_bytes());
}

/// Adds an integer whose first byte has that many bits (RFC 7541, section 5.1), under a zero pattern.
fn push_integer(block: &mut Vec<u8>, bits: u8, value: usize) {
    let limit = (1 << bits) - 1;
    let Some(mut left) = value.checked_sub(limit) else {
        block.push(u8::try_from(value).unwrap_or_default());
        return;
    };
    block.push(u8::try_from(limit).unwrap_or_default());
    while left >= 128 {
        block.push(0x80 | low_bits(left));
        left /= 128;
    }
    block.push(low_bits(left));
}

fn low_bits(number: usize) -> u8 {
    u8::try_from(number % 128).unwrap_or_default()
}

/// Returns the status at the beginning of a block; the error describes a block that begins with something else.
pub(super) fn status(mut block: &[u8]) -> Result<Status, String> {
    while let [first, rest @ ..] = block
        && first & 0xe0 == SIZE_OF_TABLE
    {
        // The integer goes on while the highest bit is set.
        let more = rest.iter().take_while(|byte| *byte & 0x80 != 0).count() + 1;
        block = if first & 0x1f == 0x1f { rest.get(more..).unwrap_or_default() } else { rest };
    }
    let place = |byte: u8, mask: u8| Some(byte & mask).filter(|place| STATUS.contains(place));
    let digit = match *block {
        [byte, ..] if byte & INDEXED != 0 => {
            place(byte, !INDEXED).map(|place| if place < STATUS_400 { b'2' } else { b'4' })
        }
        [byte, length, first, ..] => {
            let mask = if byte & ADDED != 0 { 0x3f } else { 0x0f };
            place(byte, mask)
                .and_then(|_| if length & HUFFMAN == 0 { Some(first) } else { first_digit(first) })
        }
        _ => None,
    };
    match digit {
        Some(b'1') => Ok(Status::Interim),
        Some(b'2' | b'3') => Ok(Status::Success),
        Some(b'4'..=b'9') => Ok(Status::Refused),
        _ => Err("a response that does not begin with a status of the static table or as a text".into()),
    }
}

/// Returns the first digit of a status in Huffman's code (RFC 7541, appendix B): 0 to 2 have five bits, the others six.
fn first_digit(byte: u8) -> Option<u8> {
    match (byte >> 3, byte >> 2) {
        (digit @ 0..=2, _) => Some(b'0' + digit),
        (_, code @ 0x19..=0x1f) => Some(b'3' + code - 0x19),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};

    use super::*;
    use crate::client::request::Body;
    use crate::options::Arguments;

    fn blocks(options: &str, has_table: bool) -> Blocks {
        let mut arguments = Arguments::new(options.split_whitespace().map(String::from));
        let body = Body::from(&mut arguments).unwrap();
        let target = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
        Blocks::of(&Request { path: "/x", target, body: &body, is_last: false }, false, has_table)
    }

    #[test]
    fn what_does_not_change_is_sent_once() {
        let get = blocks("", true);
        assert_eq!(get.first, b"\x82\x86\x41\x0c127.0.0.1:80\x04\x02/x");
        assert_eq!(get.later, b"\x82\x86\xbe\x04\x02/x");
        let post = blocks("--body 3 --type a/b", true);
        assert_eq!(post.first, b"\x83\x86\x41\x0c127.0.0.1:80\x04\x02/x\x5f\x03a/b\x0f\x0d\x013");
        assert_eq!(post.later, b"\x83\x86\xbf\x04\x02/x\xbe\x0f\x0d\x013");
    }

    #[test]
    fn a_server_without_a_table_gets_everything_each_time() {
        let get = blocks("", false);
        assert_eq!(get.later, b"\x82\x86\x01\x0c127.0.0.1:80\x04\x02/x");
        assert_eq!(get.first, [b"\x20", get.later.as_slice()].concat());
    }

    #[test]
    fn long_texts_have_long_lengths() {
        let mut block = Vec::new();
        push_text(&mut block, &"x".repeat(1337));
        assert_eq!(block[..3], [127, 0xba, 0x09]);
    }

    #[test]
    fn a_status_is_read_in_every_form() {
        let forms = [
            (b"\x88".as_slice(), Status::Success),
            (b"\x8d\x88", Status::Refused),
            (b"\x20\x88", Status::Success),
            (b"\x3f\xe1\x1f\x88", Status::Success),
            (b"\x08\x03103", Status::Interim),
            (b"\x48\x03201", Status::Success),
            (b"\x18\x03503", Status::Refused),
            // 307, 403 and 100 in Huffman's code.
            (b"\x48\x83\x64\x0e\xff", Status::Success),
            (b"\x48\x83\x68\x0c\xff", Status::Refused),
            (b"\x48\x82\x08\x01", Status::Interim),
        ];
        for (block, expected) in forms {
            assert_eq!(status(block).unwrap(), expected, "{block:?}");
        }
        for block in [b"".as_slice(), b"\x20", b"\xbe", b"\x5f\x03a/b", b"\x48"] {
            status(block).unwrap_err();
        }
    }
}
