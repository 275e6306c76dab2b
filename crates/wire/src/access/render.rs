//! A record and its facts become a line.

use super::atoms::Atom;
use super::part::{Conversion, Part};
use super::{AccessFormat, Facts, escape, number, user, usual};
use crate::log::{LogEnd, LogRecord};

/// The value of an atom.
enum Value<'a> {
    Absent,
    /// Text that needs no escapes.
    Safe(&'a str),
    /// A part of a request line.
    Target(&'a [u8]),
    /// A field.
    Field(&'a [u8]),
    Owned(Vec<u8>),
    Whole(u64),
    /// Nanoseconds, the exponent of the unit in them, and the decimals unless the format says otherwise.
    Decimal(u64, u32, usize),
}

const END_OF_COLOR: &str = "\x1b[0m";

impl AccessFormat {
    /// Appends the line of a record, with its end.
    pub fn write(&self, record: &LogRecord, facts: &Facts<'_>, out: &mut Vec<u8>) {
        if self.is_usual && record.end == LogEnd::Complete && facts.status != 0 {
            usual::write(self.style.stamps, record, facts, out);
        } else {
            self.write_parts(record, facts, out);
        }
    }

    fn write_parts(&self, record: &LogRecord, facts: &Facts<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Atom(Atom::EndNote, _) => add_note(record.end, out),
                Part::Atom(Atom::PreciseTime, _) => add_precise_time(facts, self.style.json, out),
                Part::Atom(atom, conversion) => self.add(atom, *conversion, record, facts, out),
            }
        }
        out.push(b'\n');
    }

    fn add(
        &self,
        atom: &Atom,
        conversion: Conversion,
        record: &LogRecord,
        facts: &Facts<'_>,
        out: &mut Vec<u8>,
    ) {
        let value = self.value(atom, record, facts);
        if self.style.json {
            add_json(value, conversion, out);
            return;
        }
        let color = if self.style.colors && *atom == Atom::Status { color_of(facts.status) } else { "" };
        out.extend_from_slice(color.as_bytes());
        if !conversion.is_filled() {
            add_text(value, conversion, out);
        } else {
            let mut text = Vec::new();
            add_text(value, conversion, &mut text);
            fill(&String::from_utf8_lossy(&text), conversion, out);
        }
        if !color.is_empty() {
            out.extend_from_slice(END_OF_COLOR.as_bytes());
        }
    }

    fn value<'a>(&self, atom: &'a Atom, record: &'a LogRecord, facts: &Facts<'a>) -> Value<'a> {
        let part = |place: usize| record.noted.as_ref().and_then(|noted| noted.part(place));
        let taken = facts.taken;
        let nanoseconds = || u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
        match atom {
            Atom::Host => Value::Safe(facts.host),
            Atom::Client => Value::Safe(facts.client),
            Atom::Absent | Atom::EndNote | Atom::PreciseTime => Value::Absent,
            Atom::User(place) => part(*place).and_then(user::of).map_or(Value::Absent, Value::Owned),
            Atom::Time => Value::Safe(&facts.stamp.iso),
            Atom::CommonTime => Value::Safe(&facts.stamp.common),
            Atom::Target(place) => part(*place).map_or(Value::Absent, Value::Target),
            Atom::Field(place) => part(*place).map_or(Value::Absent, Value::Field),
            Atom::ResponseField(place) => {
                part(self.noted.request.len() + place).map_or(Value::Absent, Value::Field)
            }
            Atom::Status if facts.status == 0 => Value::Absent,
            Atom::Status => Value::Whole(facts.status.into()),
            Atom::BytesOrNone if record.sent == 0 => Value::Absent,
            Atom::Bytes | Atom::BytesOrNone => Value::Whole(record.sent),
            Atom::WholeSeconds => Value::Whole(taken.as_secs()),
            Atom::WholeMilliseconds => Value::Whole(taken.as_millis().try_into().unwrap_or(u64::MAX)),
            Atom::WholeMicroseconds => Value::Whole(taken.as_micros().try_into().unwrap_or(u64::MAX)),
            Atom::Seconds => Value::Decimal(nanoseconds(), 9, 6),
            Atom::Milliseconds => Value::Decimal(nanoseconds(), 6, 3),
            Atom::Scheme => Value::Safe(facts.scheme),
            Atom::End => match record.end {
                LogEnd::Refused(because) => Value::Owned(format!("refused: {because}").into_bytes()),
                end => Value::Safe(word_of(end)),
            },
            Atom::Constant(text) => Value::Field(text.as_bytes()),
        }
    }
}

/// Appends a value, or `-` for none.
fn add_text(value: Value<'_>, conversion: Conversion, out: &mut Vec<u8>) {
    match value {
        Value::Absent | Value::Safe("") | Value::Target(b"") | Value::Field(b"") => out.push(b'-'),
        Value::Safe(text) => out.extend_from_slice(text.as_bytes()),
        Value::Target(bytes) => escape::target(bytes, out),
        Value::Field(bytes) => escape::field(bytes, out),
        Value::Owned(bytes) => escape::field(&bytes, out),
        Value::Whole(number) => add_number(number, conversion, out),
        Value::Decimal(nanoseconds, unit, digits) => {
            number::decimal(nanoseconds, unit, decimals(conversion, digits), out);
        }
    }
}

fn add_json(value: Value<'_>, conversion: Conversion, out: &mut Vec<u8>) {
    match value {
        Value::Absent | Value::Safe("" | "-") => out.extend_from_slice(b"null"),
        Value::Safe(text) => escape::json(text.as_bytes(), out),
        Value::Target(bytes) | Value::Field(bytes) => escape::json(bytes, out),
        Value::Owned(bytes) => escape::json(&bytes, out),
        Value::Whole(number) => number::whole(number, out),
        Value::Decimal(nanoseconds, unit, digits) => {
            number::decimal(nanoseconds, unit, decimals(conversion, digits), out);
        }
    }
}

fn add_number(number: u64, conversion: Conversion, out: &mut Vec<u8>) {
    number::whole(number, out);
    let digits = if conversion.is_decimal { decimals(conversion, 6) } else { 0 };
    if digits > 0 {
        out.push(b'.');
        number::padded(0, digits, out);
    }
}

fn decimals(conversion: Conversion, usual: usize) -> usize {
    match conversion {
        Conversion { is_whole: true, .. } => 0,
        Conversion { is_decimal: true, precision, .. } => precision.unwrap_or(6),
        _ => usual,
    }
}

/// Appends a text, cut and filled up.
fn fill(text: &str, conversion: Conversion, out: &mut Vec<u8>) {
    let is_number = conversion.is_number();
    let text = conversion.precision.filter(|_| !is_number).map_or(text, |count| {
        match text.char_indices().nth(count) {
            Some((end, _)) => &text[..end],
            None => text,
        }
    });
    let missing = conversion.width.saturating_sub(text.chars().count());
    let filler = if conversion.is_zero && is_number && !conversion.is_left { b'0' } else { b' ' };
    if !conversion.is_left {
        out.extend(std::iter::repeat_n(filler, missing));
    }
    out.extend_from_slice(text.as_bytes());
    if conversion.is_left {
        out.extend(std::iter::repeat_n(filler, missing));
    }
}

/// Appends how a request has ended, if it is not complete.
fn add_note(end: LogEnd, out: &mut Vec<u8>) {
    if end != LogEnd::Complete {
        out.extend_from_slice(b" (");
        out.extend_from_slice(word_of(end).as_bytes());
        out.push(b')');
    }
}

/// Returns how a request has ended.
const fn word_of(end: LogEnd) -> &'static str {
    match end {
        LogEnd::Complete => "complete",
        LogEnd::CutShort => "cut short",
        LogEnd::ClientLeft => "the client left",
        LogEnd::Refused(because) => because,
    }
}

fn add_precise_time(facts: &Facts<'_>, is_json: bool, out: &mut Vec<u8>) {
    let quote: &[u8] = if is_json { b"\"" } else { b"" };
    out.extend_from_slice(quote);
    out.extend_from_slice(facts.stamp.before_fraction.as_bytes());
    out.push(b'.');
    number::padded(facts.milliseconds.into(), 3, out);
    out.extend_from_slice(facts.stamp.after_fraction.as_bytes());
    out.extend_from_slice(quote);
}

/// Returns the colour of a status, as uvicorn has it.
const fn color_of(status: u16) -> &'static str {
    match status / 100 {
        1 => "\x1b[97m",
        2 => "\x1b[32m",
        3 => "\x1b[33m",
        4 => "\x1b[31m",
        5 => "\x1b[91m",
        _ => "",
    }
}
