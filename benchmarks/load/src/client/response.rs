//! Finds the ends of HTTP/1.1 responses: a head, then a body whose length the head gives, or chunks.
//!
//! It finds ends and statuses and checks nothing else. An incomplete head is kept, and no byte of a body. Sockets are
//! not known here.

/// The longest head.
const HEAD_BYTES_AT_MOST: usize = 64 * 1024;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";
/// Statuses that have no body, whatever the head says (RFC 9112, section 6.3).
const WITHOUT_BODY: [u16; 2] = [204, 304];

/// The state of one connection.
#[derive(Debug, Default)]
pub(super) struct Responses {
    state: State,
    /// Bytes of a head, or of the line that begins a chunk.
    kept: Vec<u8>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    Body {
        left: usize,
    },
    ChunkSize,
    Chunk {
        left: usize,
    },
    /// The lines after the last chunk, the last of which is empty.
    Trailer,
}

/// What some data contains.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The number of responses that have ended.
    pub(super) ended: usize,
    /// The number of those whose status is 400 or above.
    pub(super) refused: usize,
    /// Whether the server will close the connection.
    pub(super) is_last: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    length: Option<usize>,
    is_chunked: bool,
    is_last: bool,
}

impl Responses {
    /// Takes received data. The error describes data that is not HTTP/1.1.
    pub(super) fn take(&mut self, mut data: &[u8]) -> Result<Found, String> {
        let mut found = Found::default();
        while !data.is_empty() {
            data = match &mut self.state {
                State::Head => self.take_head(data, &mut found)?,
                State::Body { left } | State::Chunk { left } => {
                    let taken = data.len().min(*left);
                    *left -= taken;
                    if *left == 0 {
                        self.end_of_part(&mut found);
                    }
                    &data[taken..]
                }
                State::ChunkSize | State::Trailer => self.take_line(data, &mut found)?,
            };
        }
        Ok(found)
    }

    fn take_head<'a>(&mut self, data: &'a [u8], found: &mut Found) -> Result<&'a [u8], String> {
        // Mostly a head arrives whole and nothing has to be copied.
        let (head, rest) = if self.kept.is_empty() {
            match end_of_head(data) {
                Some(end) => (Head::parse(&data[..end])?, &data[end..]),
                None => return self.keep(data),
            }
        } else {
            let already = self.kept.len();
            self.kept.extend_from_slice(data);
            match end_of_head(&self.kept) {
                Some(end) => (Head::parse(&self.kept[..end])?, &data[end - already..]),
                None if self.kept.len() > HEAD_BYTES_AT_MOST => return Err("a head without an end".into()),
                None => return Ok(&[]),
            }
        };
        self.kept.clear();
        found.refused += usize::from(head.status >= 400);
        found.is_last |= head.is_last;
        self.state = match head {
            // An interim response (RFC 9110, section 15.2): the final one follows.
            Head { status: 100..200, .. } => State::Head,
            Head { status, .. } if WITHOUT_BODY.contains(&status) => State::Body { left: 0 },
            Head { is_chunked: true, .. } => State::ChunkSize,
            Head { length: Some(left), .. } => State::Body { left },
            Head { .. } => return Err("a response without a length".into()),
        };
        if matches!(self.state, State::Body { left: 0 }) {
            self.end_of_part(found);
        }
        Ok(rest)
    }

    fn keep<'a>(&mut self, data: &[u8]) -> Result<&'a [u8], String> {
        self.kept.extend_from_slice(data);
        if self.kept.len() > HEAD_BYTES_AT_MOST { Err("a head without an end".into()) } else { Ok(&[]) }
    }

    fn end_of_part(&mut self, found: &mut Found) {
        self.state = match self.state {
            State::Chunk { .. } => State::ChunkSize,
            _ => {
                found.ended += 1;
                State::Head
            }
        };
    }

    /// Takes a line between chunks: empty after a chunk, a size before one, a field or nothing after the last.
    fn take_line<'a>(&mut self, data: &'a [u8], found: &mut Found) -> Result<&'a [u8], String> {
        let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return self.keep(data) };
        self.kept.extend_from_slice(&data[..end]);
        let text = String::from_utf8_lossy(&self.kept).trim().to_owned();
        self.kept.clear();
        match (&self.state, text.as_str()) {
            (State::Trailer, "") => {
                found.ended += 1;
                self.state = State::Head;
            }
            (State::Trailer, _) | (State::ChunkSize, "") => {}
            (_, size) => {
                let digits = size.split(';').next().unwrap_or_default().trim();
                let left =
                    usize::from_str_radix(digits, 16).map_err(|_| format!("a chunk of size {size:?}"))?;
                self.state = if left == 0 { State::Trailer } else { State::Chunk { left } };
            }
        }
        Ok(&data[end + 1..])
    }
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "a head that is no text".to_owned())?;
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status = match first.split(' ').collect::<Vec<_>>()[..] {
            ["HTTP/1.1" | "HTTP/1.0", status, ..] => status.parse().ok(),
            _ => None,
        };
        let status = status.ok_or_else(|| format!("not HTTP/1.1: {first:?}"))?;
        let is_last = first.starts_with("HTTP/1.0");
        let mut head = Self { status, length: None, is_chunked: false, is_last };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.length = Some(value.parse().map_err(|_| format!("Content-Length: {value:?}"))?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                head.is_chunked = value.to_ascii_lowercase().ends_with("chunked");
            } else if name.eq_ignore_ascii_case("connection") {
                head.is_last = value.eq_ignore_ascii_case("close");
            }
        }
        Ok(head)
    }
}

/// Returns the index after the empty line.
fn end_of_head(data: &[u8]) -> Option<usize> {
    data.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD).map(|at| at + END_OF_HEAD.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 404 Not Found\r\n\
        Content-Length: 0\r\n\r\n";
    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\nField: x\r\n\r\n";

    fn found(pieces: &[&[u8]]) -> Found {
        let mut responses = Responses::default();
        pieces.iter().fold(Found::default(), |sum, piece| {
            let one = responses.take(piece).unwrap();
            Found {
                ended: sum.ended + one.ended,
                refused: sum.refused + one.refused,
                is_last: sum.is_last || one.is_last,
            }
        })
    }

    #[test]
    fn responses_end_wherever_they_are_cut() {
        for (data, expected) in [(TWO, (2, 1)), (CHUNKED, (1, 0))] {
            for cut in 0..data.len() {
                let Found { ended, refused, is_last } = found(&[&data[..cut], &data[cut..]]);
                assert_eq!((ended, refused, is_last), (expected.0, expected.1, false), "{cut}");
            }
        }
    }

    #[test]
    fn byte_by_byte_is_the_same() {
        let bytes: Vec<&[u8]> = CHUNKED.chunks(1).collect();
        assert_eq!(found(&bytes), Found { ended: 1, refused: 0, is_last: false });
    }

    #[test]
    fn some_responses_have_no_body() {
        let data =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\n\
            Content-Length: 9\r\n\r\n";
        assert_eq!(found(&[data]).ended, 2);
    }

    #[test]
    fn the_last_response_says_so() {
        assert!(found(&[b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"]).is_last);
        assert!(found(&[b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"]).is_last);
        assert!(!found(&[b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"]).is_last);
    }

    #[test]
    fn what_is_no_response_is_an_error() {
        for data in [
            b"SSH-2.0-x\r\n\r\n".as_slice(),
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ] {
            Responses::default().take(data).unwrap_err();
        }
        let endless = vec![b'x'; HEAD_BYTES_AT_MOST + 1];
        Responses::default().take(&endless).unwrap_err();
    }
}
