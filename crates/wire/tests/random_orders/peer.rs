//! What a peer sends: requests with their places in its stream, and how the stream ends. The model of an order begins
//! here: it knows what was sent, and needs no parser.

use std::fmt;
use std::rc::Rc;

use crate::draw::Draw;

/// A request that a peer sends.
pub(crate) struct Exchange {
    pub(crate) kind: Kind,
    pub(crate) content: Vec<u8>,
    pub(crate) expects_continue: bool,
    pub(crate) takes_trailers: bool,
    pub(crate) is_http10: bool,
    /// Whether the connection can be used again, as far as the peer is concerned.
    pub(crate) persists: bool,
    /// Where its head ends in the stream, and where it ends.
    pub(crate) head_end: usize,
    pub(crate) end: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Get,
    Head,
    Post,
    /// To a proxy: no application gets it.
    Connect,
    WebSocket,
}

/// Everything that a peer sends, if it is allowed to.
pub(crate) struct Script {
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) stream: Rc<[u8]>,
    /// How much of the stream is sent.
    pub(crate) until: usize,
    /// Where bytes begin that are no request.
    pub(crate) garbage: Option<usize>,
    /// Whether the peer ends its side after the stream.
    pub(crate) ends_side: bool,
    /// Whether the last request is not complete.
    pub(crate) is_cut: bool,
    /// The first request that has not come out of the machine yet.
    next: usize,
}

/// Bytes that are no request.
const GARBAGE: [&[u8]; 6] = [
    b"\x16\x03\x01\x02\x00",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n",
];

impl Script {
    pub(crate) fn draw(draw: &mut Draw<'_>) -> Self {
        let (mut exchanges, mut stream) = (Vec::new(), Vec::new());
        for number in 0..draw.pick(&[1, 1, 2, 3, 3, 12]) {
            exchanges.push(Exchange::draw(number, &mut stream, draw));
        }
        let (mut garbage, mut is_cut) = (None, false);
        if draw.chance(6) {
            garbage = Some(stream.len());
            stream.extend_from_slice(draw.pick(&GARBAGE));
        } else if draw.chance(10) {
            // A part of the last request is missing.
            let begin = exchanges.iter().rev().nth(1).map_or(0, |exchange: &Exchange| exchange.end);
            stream.truncate(begin + draw.below(stream.len() - begin));
            is_cut = true;
        }
        let until = stream.len();
        Self { exchanges, stream: stream.into(), until, garbage, ends_side: draw.chance(40), is_cut, next: 0 }
    }

    /// Returns which request a head belongs to. Requests that no application gets are skipped.
    ///
    /// # Errors
    ///
    /// It is not the next one, or was not sent yet.
    pub(crate) fn next(&mut self, head: &http::Head, delivered: usize) -> Result<usize, String> {
        let target = String::from_utf8_lossy(head.target()).into_owned();
        let number: usize = target[1..].parse().map_err(|_| format!("a head for {target:?}"))?;
        let skipped = self.exchanges.get(self.next..number).ok_or(format!("request {number} comes again"))?;
        let is_next = skipped.iter().all(|exchange| matches!(exchange.kind, Kind::Connect | Kind::WebSocket));
        let exchange = &self.exchanges[number];
        if !is_next || exchange.kind == Kind::Connect || delivered < exchange.head_end {
            return Err(format!("request {number} comes instead of {}", self.next));
        }
        self.next = number + 1;
        Ok(number)
    }
}

impl Exchange {
    /// Draws a request and writes it.
    fn draw(number: usize, out: &mut Vec<u8>, draw: &mut Draw<'_>) -> Self {
        let kind = match draw.below(40) {
            0..20 => Kind::Get,
            20..36 => Kind::Post,
            36..38 => Kind::Head,
            38 => Kind::Connect,
            _ => Kind::WebSocket,
        };
        let size = if kind == Kind::Post { draw.pick(&[0, 3, 90, 900, 3000]) } else { 0 };
        let byte = b'a'.wrapping_add(u8::try_from(number % 26).unwrap_or(0));
        let content = vec![byte; size];
        let is_http10 = matches!(kind, Kind::Get | Kind::Head) && draw.chance(8);
        let is_chunked = kind == Kind::Post && draw.chance(40);
        let expects_continue = kind == Kind::Post && size > 0 && draw.chance(15);
        let takes_trailers = draw.chance(50);
        let says_close = draw.chance(4);
        let target = if kind == Kind::Connect { format!("a:{number}") } else { format!("/{number}") };
        let (method, version) = (kind.method(), if is_http10 { "1.0" } else { "1.1" });
        out.extend_from_slice(format!("{method} {target} HTTP/{version}\r\nHost: a\r\n").as_bytes());
        for (is_there, field) in [
            (takes_trailers, &b"TE: trailers\r\nConnection: te\r\n"[..]),
            (says_close, b"Connection: close\r\n"),
            (is_http10, b"Connection: keep-alive\r\n"),
            (expects_continue, b"Expect: 100-continue\r\n"),
            (is_chunked, b"Transfer-Encoding: chunked\r\n"),
            (kind == Kind::WebSocket, b"Upgrade: websocket\r\nConnection: upgrade\r\n"),
        ] {
            out.extend_from_slice(if is_there { field } else { b"" });
        }
        if kind == Kind::Post && !is_chunked {
            out.extend_from_slice(format!("Content-Length: {size}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        let head_end = out.len();
        if is_chunked {
            for part in content.chunks(draw.pick(&[5000, 500, 40])) {
                out.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
                out.extend_from_slice(part);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"0\r\n\r\n");
        } else {
            out.extend_from_slice(&content);
        }
        let end = out.len();
        let persists = !says_close;
        Self { kind, content, expects_continue, takes_trailers, is_http10, persists, head_end, end }
    }
}

impl Kind {
    const fn method(self) -> &'static str {
        match self {
            Self::Get | Self::WebSocket => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Connect => "CONNECT",
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, exchange) in self.exchanges.iter().enumerate() {
            let (kind, length, end) = (exchange.kind, exchange.content.len(), exchange.end);
            let notes = [
                (exchange.expects_continue, " expects"),
                (exchange.is_http10, " 1.0"),
                (exchange.takes_trailers, " te"),
                (!exchange.persists, " close"),
            ];
            let notes: String = notes.iter().filter(|note| note.0).map(|note| note.1).collect();
            write!(formatter, "{number}: {kind:?} {length}{notes} to {end}; ")?;
        }
        let Self { until, garbage, ends_side, .. } = self;
        write!(formatter, "{until} bytes, garbage: {garbage:?}, ends: {ends_side}")
    }
}
