//! The atoms of a format: those of gunicorn and of granian, and some of our own.

use crate::noted::{HeadPart, NotedParts};

/// What an atom stands for.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Atom {
    /// The client's address.
    Host,
    /// The client with its port.
    Client,
    /// Always absent.
    Absent,
    /// The user of the basic authentication, whose field has this number.
    User(usize),
    /// ISO 8601, in seconds.
    Time,
    /// ISO 8601, in milliseconds and with a colon in the offset.
    PreciseTime,
    /// The time of the common log format, in brackets.
    CommonTime,
    /// A part of the request's line, of this number: percent-encoded where it has to be escaped.
    Target(usize),
    /// A field of the request, of this number.
    Field(usize),
    /// A field of the response, of this number among those.
    ResponseField(usize),
    Status,
    /// The bytes of content.
    Bytes,
    /// The same, absent for 0.
    BytesOrNone,
    /// Whole seconds, milliseconds, microseconds.
    WholeSeconds,
    WholeMilliseconds,
    WholeMicroseconds,
    /// Seconds and milliseconds with decimals.
    Seconds,
    Milliseconds,
    Scheme,
    /// How the request has ended.
    End,
    /// The same in parentheses, if it is not complete.
    EndNote,
    /// What was known when the format was read.
    Constant(Box<str>),
}

/// What kind of value an atom has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Text,
    Number,
}

impl Atom {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Status
            | Self::Bytes
            | Self::BytesOrNone
            | Self::WholeSeconds
            | Self::WholeMilliseconds
            | Self::WholeMicroseconds
            | Self::Seconds
            | Self::Milliseconds => Kind::Number,
            _ => Kind::Text,
        }
    }
}

/// Finds atoms by their names, and gathers what they need of heads.
pub(super) struct Atoms<E> {
    process: u32,
    environment: E,
    pub(super) noted: NotedParts,
}

impl<E: Fn(&str) -> Option<String>> Atoms<E> {
    pub(super) fn new(process: u32, environment: E) -> Self {
        Self { process, environment, noted: NotedParts::default() }
    }

    /// Returns the atom of this name.
    pub(super) fn find(&mut self, name: &str) -> Option<Atom> {
        if let Some((name, kind)) = name.strip_prefix('{').and_then(|rest| rest.rsplit_once('}')) {
            return self.named(name, kind);
        }
        Some(match name {
            "h" | "addr" => Atom::Host,
            "client" => Atom::Client,
            "l" => Atom::Absent,
            "u" => Atom::User(self.head(HeadPart::Field(b"authorization"[..].into()))),
            "t" => Atom::CommonTime,
            "time" => Atom::Time,
            "r" => self.line(),
            "s" | "status" => Atom::Status,
            "m" | "method" => Atom::Target(self.head(HeadPart::Method)),
            "U" | "path" => Atom::Target(self.head(HeadPart::Path)),
            "q" | "query_string" => Atom::Target(self.head(HeadPart::Query)),
            "H" | "protocol" => Atom::Target(self.head(HeadPart::Protocol)),
            "b" => Atom::BytesOrNone,
            "B" => Atom::Bytes,
            "f" => self.field("referer"),
            "a" => self.field("user-agent"),
            "T" => Atom::WholeSeconds,
            "M" => Atom::WholeMilliseconds,
            "D" => Atom::WholeMicroseconds,
            "L" => Atom::Seconds,
            "dt_ms" => Atom::Milliseconds,
            "p" => Atom::Constant(format!("<{}>", self.process).into()),
            "pid" => Atom::Constant(self.process.to_string().into()),
            "scheme" => Atom::Scheme,
            "end" => Atom::End,
            _ => return None,
        })
    }

    /// Returns the atom of the request line.
    pub(super) fn line(&mut self) -> Atom {
        Atom::Target(self.head(HeadPart::Line))
    }

    fn named(&mut self, name: &str, kind: &str) -> Option<Atom> {
        if name.is_empty() {
            return None;
        }
        Some(match kind {
            "i" => self.field(name),
            "o" => {
                let name = name.to_ascii_lowercase().into_bytes().into_boxed_slice();
                Atom::ResponseField(number_of(&mut self.noted.response, name))
            }
            "e" => (self.environment)(name).map_or(Atom::Absent, |value| Atom::Constant(value.into())),
            _ => return None,
        })
    }

    fn field(&mut self, name: &str) -> Atom {
        let name = name.to_ascii_lowercase().into_bytes().into_boxed_slice();
        Atom::Field(self.head(HeadPart::Field(name)))
    }

    fn head(&mut self, part: HeadPart) -> usize {
        number_of(&mut self.noted.request, part)
    }
}

/// Returns the place of a value in a list, at whose end it is added if it is missing.
fn number_of<T: PartialEq>(list: &mut Vec<T>, value: T) -> usize {
    list.iter().position(|known| *known == value).unwrap_or_else(|| {
        list.push(value);
        list.len() - 1
    })
}
