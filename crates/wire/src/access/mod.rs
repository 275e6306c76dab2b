//! Lines of an access log: what a format says of a request that has ended.
//!
//! A format is read once, into a list of parts; what it needs of heads is noted as they pass ([`NotedParts`]), and nothing
//! else is. Values that come from a peer are escaped: none can end a quotation, a line or a value of JSON. The clock and
//! the addresses are the driver's ([`Facts`]).
//!
//! | File       | What                                             |
//! |------------|--------------------------------------------------|
//! | `parse`    | a format as text becomes parts                   |
//! | `part`     | the parts of a format                            |
//! | `atoms`    | the names of atoms                               |
//! | `render`   | a record and its facts become a line             |
//! | `usual`    | the same for the usual line, in one go           |
//! | `number`   | numbers as text                                  |
//! | `user`     | the user of the basic authentication             |
//! | `escape`   | bytes of a peer as text                          |
//! | `stamp`    | a time of day in the forms of logs               |

mod atoms;
mod escape;
mod number;
mod parse;
mod part;
mod render;
mod stamp;
mod user;
mod usual;

use crate::noted::NotedParts;

pub use parse::FormatError;
pub use stamp::{LocalTime, Stamp};

use atoms::{Atom, Atoms};
use part::{Conversion, Part};

/// What is known of a request beside its record.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The address of the client, without a port; empty for none.
    pub host: &'a str,
    /// The client as the default format shows it: `192.0.2.1:80`, `[2001:db8::1]:80`, or `-`.
    pub client: &'a str,
    /// `http`, `https`, `ws` or `wss`.
    pub scheme: &'a str,
    /// The time of day.
    pub stamp: &'a Stamp,
    /// Milliseconds of it.
    pub milliseconds: u32,
    /// The time from the request's start to its end.
    pub taken: std::time::Duration,
    /// The status: of the response, or 499, or 0 for none.
    pub status: u16,
}

/// How lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    /// A JSON object for each line, with the atoms of the format as its keys.
    pub json: bool,
    /// Colours for statuses; not in JSON.
    pub colors: bool,
    /// Whether the default format begins with the time.
    pub stamps: bool,
}

/// A format of access lines.
///
/// ```
/// use std::time::Duration;
/// use wire::access::{AccessFormat, Facts, LocalTime, Stamp, Style};
/// use wire::{LogEnd, LogKind, LogRecord};
///
/// let style = Style { json: false, colors: false, stamps: false };
/// let format = AccessFormat::parse("%(h)s %(s)s %(dt_ms).1f", style, 1, |_| None).unwrap();
/// let record =
///     LogRecord { request: None, kind: LogKind::Request, noted: None, status: 200, sent: 5, end: LogEnd::Complete };
/// let stamp = Stamp::new(&LocalTime::default());
/// let facts = Facts {
///     host: "192.0.2.1",
///     client: "192.0.2.1:80",
///     scheme: "http",
///     stamp: &stamp,
///     milliseconds: 0,
///     taken: Duration::from_micros(1250),
///     status: 200,
/// };
/// let mut line = Vec::new();
/// format.write(&record, &facts, &mut line);
/// assert_eq!(line, b"192.0.2.1 200 1.3\n");
/// assert_eq!(
///     AccessFormat::parse("%(x)s", style, 1, |_| None).unwrap_err().to_string(),
///     "%(x)s: there is no atom of this name"
/// );
/// ```
#[derive(Clone, Debug)]
pub struct AccessFormat {
    parts: Vec<Part>,
    noted: NotedParts,
    style: Style,
    /// Whether this is the usual format as text without colours.
    is_usual: bool,
}

/// The keys of JSON without a format of one's own.
const JSON_KEYS: [(&str, &str); 9] = [
    ("client", "client"),
    ("method", "method"),
    ("path", "path"),
    ("query", "query_string"),
    ("protocol", "protocol"),
    ("status", "status"),
    ("bytes", "B"),
    ("duration_ms", "dt_ms"),
    ("end", "end"),
];

impl AccessFormat {
    /// Returns the format without one of one's own. `process` is the number of this process.
    #[must_use]
    pub fn usual(style: Style, process: u32) -> Self {
        let mut atoms = Atoms::new(process, |_| None);
        let parts = if style.json { usual_json(&mut atoms, process) } else { usual_text(&mut atoms, style) };
        Self { parts, noted: atoms.noted, style, is_usual: !style.json && !style.colors }
    }

    /// Reads a format: `%(NAME)s`, with flags, width and precision as in C, and `%%`. `environment` is asked for the
    /// values of `{NAME}e`.
    ///
    /// # Errors
    ///
    /// An atom is unknown, or the format has a fault.
    pub fn parse(
        text: &str,
        style: Style,
        process: u32,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, FormatError> {
        let mut atoms = Atoms::new(process, environment);
        let read = parse::parts(text, &mut atoms)?;
        let parts = if style.json { json(read) } else { read.into_iter().map(|(_, part)| part).collect() };
        Ok(Self { parts, noted: atoms.noted, style, is_usual: false })
    }

    /// Returns what records need of heads.
    #[must_use]
    pub const fn noted(&self) -> &NotedParts {
        &self.noted
    }
}

fn text(content: impl Into<Box<str>>) -> Part {
    Part::Text(content.into())
}

/// `192.0.2.1:80 "GET / HTTP/1.1" 200 5B 1.25ms (cut short)`.
fn usual_text<E: Fn(&str) -> Option<String>>(atoms: &mut Atoms<E>, style: Style) -> Vec<Part> {
    let plain = |atom| Part::Atom(atom, Conversion::PLAIN);
    let mut parts = Vec::new();
    if style.stamps {
        parts.extend([plain(Atom::Time), text(" ")]);
    }
    let line = atoms.line();
    parts.extend([plain(Atom::Client), text(" \""), plain(line), text("\" "), plain(Atom::Status)]);
    parts.extend([text(" "), plain(Atom::Bytes), text("B ")]);
    let short = Conversion { precision: Some(2), is_decimal: true, ..Conversion::PLAIN };
    parts.extend([Part::Atom(Atom::Milliseconds, short), text("ms"), plain(Atom::EndNote)]);
    parts
}

fn usual_json<E: Fn(&str) -> Option<String>>(atoms: &mut Atoms<E>, process: u32) -> Vec<Part> {
    let mut parts = vec![
        text("{\"time\":"),
        Part::Atom(Atom::PreciseTime, Conversion::PLAIN),
        text(format!(",\"logger\":\"vitok.access\",\"pid\":{process}")),
    ];
    for (key, name) in JSON_KEYS {
        if let Some(atom) = atoms.find(name) {
            parts.push(text(format!(",\"{key}\":")));
            parts.push(Part::Atom(atom, Conversion::PLAIN));
        }
    }
    parts.push(text("}"));
    parts
}

/// Returns the parts of an object whose keys are the atoms of a format, each once.
fn json(read: Vec<(Box<str>, Part)>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut names: Vec<Box<str>> = Vec::new();
    for (name, part) in read {
        if matches!(part, Part::Text(_)) || names.contains(&name) {
            continue;
        }
        let mut key = Vec::new();
        escape::json(name.as_bytes(), &mut key);
        let before = if names.is_empty() { "{" } else { "," };
        parts.extend([text(format!("{before}{}:", String::from_utf8_lossy(&key))), part]);
        names.push(name);
    }
    parts.push(text(if names.is_empty() { "{}" } else { "}" }));
    parts
}
