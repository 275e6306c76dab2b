//! What a client sends: requests in streams, their content within the windows, and frames that it may send at any time.

use super::reader::{Reader, frames};
use crate::draw::Draw;
use crate::peer::{Exchange, Kind};
use crate::transport::Broken;

/// A request that a client sends.
pub(crate) struct Request {
    pub(crate) exchange: Exchange,
    pub(crate) stream: u32,
    /// The content that was sent.
    pub(crate) sent: usize,
    /// Whether all of it was sent, with its end.
    pub(crate) has_ended: bool,
    /// Whether the client has reset it.
    pub(crate) was_reset: bool,
    has_trailers: bool,
    window: i64,
}

pub(crate) struct Client {
    /// The requests that were begun, and those that are to come.
    pub(crate) requests: Vec<Request>,
    pub(crate) to_come: Vec<Exchange>,
    pub(crate) reader: Reader,
    /// What is on its way to the server.
    pub(crate) outgoing: Vec<u8>,
    window: i64,
    /// What the server has to end the connection for.
    pub(crate) mistake: Option<&'static str>,
}

type Mistake = (&'static str, fn() -> Vec<u8>);

/// What no client may send, on a connection whose first stream has begun.
const MISTAKES: [Mistake; 9] = [
    ("a ping of a stream", || frames::frame(frames::PING, 0, 1, b"12345678")),
    ("a short ping", || frames::frame(frames::PING, 0, 0, b"1234")),
    ("a push", || frames::frame(frames::PUSH_PROMISE, 4, 1, &[0, 0, 0, 2, 0x82])),
    ("an even stream", || frames::get(2, "/")),
    ("a window that overflows", || frames::window(0, (1 << 31) - 1).repeat(2)),
    ("more of no head", || frames::frame(frames::CONTINUATION, 4, 1, b"")),
    ("a frame that is too long", || frames::frame(frames::DATA, 0, 1, &[0; 16_385])),
    ("settings of five bytes", || frames::frame(frames::SETTINGS, 0, 0, b"12345")),
    ("a flood", || frames::data(1, b"", false).repeat(2000)),
];

impl Client {
    pub(crate) fn draw(draw: &mut Draw<'_>) -> Self {
        let count = draw.pick(&[1, 1, 2, 3, 5, 12]);
        let mut to_come: Vec<Exchange> = (0..count).map(|number| exchange(number, draw)).collect();
        to_come.reverse();
        let mut reader = Reader::new();
        let mut outgoing = frames::PREFACE.to_vec();
        let window = draw.pick(&[None, Some(0), Some(100), Some(1 << 20)]);
        reader.announce(window);
        let values: Vec<(u16, u32)> =
            window.map(|window| (frames::INITIAL_WINDOW_SIZE, window)).into_iter().collect();
        outgoing.extend(frames::settings(&values));
        Self { requests: Vec::new(), to_come, reader, outgoing, window: 65_535, mistake: None }
    }

    /// Begins the next request, unless the server takes no more.
    pub(crate) fn begin(&mut self) -> bool {
        if !self.reader.ends.is_empty() {
            return false;
        }
        let Some(exchange) = self.to_come.pop() else { return false };
        let number = self.requests.len();
        let stream = u32::try_from(number * 2 + 1).unwrap_or(1);
        let path = format!("/{number}");
        let mut fields = frames::fields(method(exchange.kind), &path);
        let length = exchange.content.len().to_string();
        if exchange.kind == Kind::Post && number.is_multiple_of(3) {
            fields.push(("content-length", &length));
        }
        let has_ended = exchange.kind != Kind::Post;
        self.outgoing.extend(frames::headers(stream, &fields, has_ended));
        self.reader.begin(stream);
        let (window, has_trailers) = (self.reader.server_window, number % 4 == 3);
        self.requests.push(Request {
            exchange,
            stream,
            sent: 0,
            has_ended,
            was_reset: false,
            has_trailers,
            window,
        });
        true
    }

    /// Sends content of a request, as much as the windows allow. Returns whether it has sent anything.
    pub(crate) fn send(&mut self, number: usize, count: usize) -> bool {
        let Some(request) = self.requests.get_mut(number) else { return false };
        let is_reset =
            self.reader.responses.get(&request.stream).is_some_and(|response| response.reset.is_some());
        if request.has_ended || request.was_reset || is_reset {
            return false;
        }
        let window = usize::try_from(request.window.min(self.window)).unwrap_or(0);
        let rest = &request.exchange.content[request.sent..];
        let content = &rest[..rest.len().min(count).min(window).min(16_384)];
        let is_last = content.len() == rest.len();
        if content.is_empty() && !is_last {
            return false;
        }
        request.sent += content.len();
        let sent = i64::try_from(content.len()).unwrap_or(0);
        request.window -= sent;
        self.window -= sent;
        let ends = is_last && !request.has_trailers;
        self.outgoing.extend(frames::data(request.stream, content, ends));
        if is_last && request.has_trailers {
            self.outgoing.extend(frames::headers(request.stream, &[("x-late", "yes")], true));
        }
        request.has_ended = is_last;
        true
    }

    /// Resets a request.
    pub(crate) fn reset(&mut self, number: usize) {
        let Some(request) = self.requests.get_mut(number) else { return };
        if !request.was_reset {
            request.was_reset = true;
            self.outgoing.extend(frames::reset(request.stream, frames::CANCEL));
        }
    }

    /// Opens the window of a request or of the connection.
    pub(crate) fn open_window(&mut self, stream: u32, bytes: u32) {
        let was_reset = |request: &Request| request.stream == stream && request.was_reset;
        if !self.requests.iter().any(was_reset) && self.reader.open(stream, i64::from(bytes)) {
            self.outgoing.extend(frames::window(stream, bytes));
        }
    }

    /// Opens every window that a response may need.
    pub(crate) fn open_all(&mut self) {
        if self.reader.window < 100_000 {
            self.open_window(0, 1_000_000);
        }
        let streams: Vec<u32> = self.requests.iter().map(|request| request.stream).collect();
        for stream in streams {
            let response = self.reader.responses.get(&stream);
            let is_over = response.is_some_and(|response| response.is_complete || response.reset.is_some());
            if !is_over && self.reader.stream_window(stream) < 50_000 {
                self.open_window(stream, 1_000_000);
            }
        }
    }

    /// Sends something that says nothing about a request.
    pub(crate) fn send_other(&mut self, draw: &mut Draw<'_>) {
        match draw.below(5) {
            0 => {
                self.reader.note_ping();
                self.outgoing.extend(frames::ping());
            }
            1 => {
                let window = draw.pick(&[None, Some(0), Some(3000), Some(100_000)]);
                self.reader.announce(window);
                let values: Vec<(u16, u32)> =
                    window.map(|window| (frames::INITIAL_WINDOW_SIZE, window)).into_iter().collect();
                self.outgoing.extend(frames::settings(&values));
            }
            2 => self.outgoing.extend(frames::frame(frames::PRIORITY, 0, 1, &[0, 0, 0, 0, 16])),
            3 => self.outgoing.extend(frames::frame(frames::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x01u=5, i")),
            _ => self.outgoing.extend(frames::frame(0xbb, 0xff, 7, b"unknown")),
        }
    }

    /// Sends what no client may send.
    pub(crate) fn make_mistake(&mut self, draw: &mut Draw<'_>) {
        let (name, frames) = draw.pick(&MISTAKES);
        self.outgoing.extend(frames());
        self.mistake = Some(name);
    }

    /// Acknowledges the server's settings, as soon as they apply.
    fn acknowledge(&mut self) {
        for _ in 0..std::mem::take(&mut self.reader.settings_to_acknowledge) {
            self.outgoing.extend(frames::frame(frames::SETTINGS, frames::ACK, 0, b""));
        }
    }

    /// Reads bytes of the server.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.reader.read(bytes)?;
        self.acknowledge();
        let changed = std::mem::take(&mut self.reader.changed);
        self.requests.iter_mut().for_each(|request| request.window += changed);
        for (stream, bytes) in std::mem::take(&mut self.reader.opened) {
            let request = self.requests.iter_mut().find(|request| request.stream == stream);
            let window =
                if stream == 0 { Some(&mut self.window) } else { request.map(|request| &mut request.window) };
            let Some(window) = window else {
                return Err(format!("a window of {stream}, which was not begun"));
            };
            *window += bytes;
            if *window > (1 << 31) - 1 {
                return Err(format!("the window of {stream} overflows"));
            }
        }
        Ok(())
    }
}

/// Draws a request.
fn exchange(number: usize, draw: &mut Draw<'_>) -> Exchange {
    let kind = match draw.below(20) {
        0..10 => Kind::Get,
        10..19 => Kind::Post,
        _ => Kind::Head,
    };
    let size = if kind == Kind::Post { draw.pick(&[0, 3, 90, 900, 3000, 20_000]) } else { 0 };
    let byte = b'a'.wrapping_add(u8::try_from(number % 26).unwrap_or(0));
    Exchange {
        kind,
        content: vec![byte; size],
        expects_continue: false,
        takes_trailers: true,
        is_http10: false,
        persists: true,
        head_end: 0,
        end: 0,
    }
}

const fn method(kind: Kind) -> &'static str {
    match kind {
        Kind::Post => "POST",
        Kind::Head => "HEAD",
        _ => "GET",
    }
}
