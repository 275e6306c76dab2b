//! Reads requests and describes the events as one line of text per input, so that a table of them is readable.
//!
//! `GET / a=1 [content] {trailer=2}; !400` is a request with a field, content and a trailer, then an error. Each
//! request is answered as soon as it is complete. `~` is a connection that closes after a response, `<...>` the bytes
//! of a tunnel, `^` an upgrade, `?` a request that is not complete.

use http::{Connection, DefaultHeaders, Event, Length, Limits, LocalProtocolError, NO_FIELDS, Persistence};

/// The limits of the tables. Only that of the content is reached: by lengths that are announced.
pub(crate) const LIMITS: Limits = Limits { body_bytes: 1024 * 1024 * 1024, ..Limits::UNLIMITED };

/// One rule, an input that keeps or breaks it, and the events it is read as.
pub(crate) struct Vector {
    /// RFC and section, such as `9112:3.2`.
    pub(crate) section: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) input: &'static [u8],
    pub(crate) reads: &'static str,
}

/// A row of a table.
pub(crate) const fn row(
    section: &'static str,
    rule: &'static str,
    input: &'static [u8],
    reads: &'static str,
) -> Vector {
    Vector { section, rule, input, reads }
}

/// Describes the events of an input that arrives in one piece.
pub(crate) fn read_whole(input: &[u8]) -> String {
    read_pieces(&[input], LIMITS)
}

/// Describes the events of an input that arrives in these pieces.
pub(crate) fn read_pieces(pieces: &[&[u8]], limits: Limits) -> String {
    let mut reading = Reading {
        connection: Connection::new(limits),
        text: String::new(),
        is_inside: false,
        is_tunnel: false,
    };
    for piece in pieces {
        if !reading.read(piece) {
            return reading.text;
        }
    }
    let is_between = reading.connection.is_idle() || reading.is_tunnel;
    if reading.is_inside || !is_between {
        reading.text.push('?');
    }
    reading.text
}

struct Reading {
    connection: Connection,
    text: String,
    /// Whether the last event was inside a request.
    is_inside: bool,
    /// Whether the last request was a CONNECT, which is always answered by a success.
    is_tunnel: bool,
}

impl Reading {
    /// Reads a piece, and returns whether another can be read.
    fn read(&mut self, mut input: &[u8]) -> bool {
        loop {
            match self.connection.receive(&mut input) {
                Ok(Event::Request(head)) => {
                    self.is_inside = true;
                    self.text += if self.text.is_empty() { "" } else { "; " };
                    self.text += &format!("{} {}", show(head.method()), show(head.target()));
                    self.text += &shown_fields(head.fields().iter().filter(|field| is_shown(field.0)));
                }
                Ok(Event::Body(part)) => join(&mut self.text, '[', &show(part), ']'),
                Ok(Event::End { trailers }) => {
                    self.is_inside = false;
                    let shown = shown_fields(trailers.iter());
                    self.text += &if shown.is_empty() { shown } else { format!(" {{{}}}", shown.trim()) };
                }
                Ok(Event::Tunnel(part)) => join(&mut self.text, '<', &show(part), '>'),
                Ok(Event::Paused) => {
                    if let Some(protocol) = self.connection.head().upgrade() {
                        // The connection is handed over.
                        self.text += &format!(" ^{}", show(protocol));
                        return false;
                    }
                    if let Err(misuse) = self.answer() {
                        panic!("the answer to {} failed: {misuse}", self.text);
                    }
                }
                Ok(Event::NeedInput) => return true,
                Ok(Event::Closed) => return false,
                Err(refusal) => {
                    self.text += if self.text.is_empty() { "" } else { "; " };
                    self.text += &format!("!{}", refusal.status());
                    return false;
                }
            }
        }
    }

    fn answer(&mut self) -> Result<(), LocalProtocolError> {
        let mut out = Vec::new();
        let connection = &mut self.connection;
        self.is_tunnel = connection.head().method() == b"CONNECT";
        connection.start(200, NO_FIELDS, Length::Known(0), DefaultHeaders::default(), &mut out)?;
        if !self.is_tunnel && connection.finish(&mut out)? == Persistence::Close {
            self.text += " ~";
        }
        Ok(())
    }
}

/// Returns whether a field is described: not those that nearly every input has.
fn is_shown(name: &[u8]) -> bool {
    !matches!(name, b"content-length" | b"transfer-encoding" | b"connection" | b"upgrade")
}

fn shown_fields<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> String {
    fields
        .filter(|field| *field != (b"host", b"a"))
        .map(|(name, value)| format!(" {}={}", show(name), show(value)))
        .collect()
}

/// Adds a part to the last one if that is of the same kind, so that the split of an input does not show.
fn join(text: &mut String, open: char, part: &str, close: char) {
    if text.ends_with(close) {
        text.pop();
    } else {
        text.push(' ');
        text.push(open);
    }
    text.push_str(part);
    text.push(close);
}

fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
