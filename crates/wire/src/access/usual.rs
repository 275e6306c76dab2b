//! The usual line without colours, written in one go: what most servers write for each of their requests. Formats of one's
//! own, and requests that have not ended well, are not written here.

use super::{Facts, escape};
use crate::log::LogRecord;

/// The most bytes after the request line: three numbers of 20 digits, and what is between them.
const TAIL_AT_MOST: usize = 80;

/// Appends `192.0.2.1:80 "GET / HTTP/1.1" 200 5B 1.25ms`, with its end, after the time if that is wanted.
pub(super) fn write(has_stamp: bool, record: &LogRecord, facts: &Facts<'_>, out: &mut Vec<u8>) {
    if has_stamp {
        out.extend_from_slice(facts.stamp.lead.as_bytes());
    }
    out.extend_from_slice(facts.client.as_bytes());
    out.extend_from_slice(b" \"");
    match record.noted.as_ref().and_then(|noted| noted.part(0)) {
        None | Some(b"") => out.push(b'-'),
        Some(line) => escape::target(line, out),
    }
    let taken = facts.taken;
    let nanoseconds =
        taken.as_secs().saturating_mul(1_000_000_000).saturating_add(taken.subsec_nanos().into());
    let hundredths = nanoseconds.saturating_add(5_000) / 10_000;
    let mut tail = Tail { bytes: [0; TAIL_AT_MOST], start: TAIL_AT_MOST };
    tail.add(*b"ms\n");
    tail.add_digit(hundredths);
    tail.add_digit(hundredths / 10);
    tail.add(*b".");
    tail.add_number(hundredths / 100);
    tail.add(*b"B ");
    tail.add_number(record.sent);
    tail.add(*b" ");
    tail.add_number(facts.status.into());
    tail.add(*b"\" ");
    out.extend_from_slice(&tail.bytes[tail.start..]);
}

/// The end of a line, which is made from its last byte to its first one.
struct Tail {
    bytes: [u8; TAIL_AT_MOST],
    start: usize,
}

impl Tail {
    #[inline(always)]
    fn add<const N: usize>(&mut self, text: [u8; N]) {
        self.start -= N;
        self.bytes[self.start..self.start + N].copy_from_slice(&text);
    }

    /// Adds the last digit of a number.
    #[inline(always)]
    fn add_digit(&mut self, number: u64) {
        self.add([b'0' + (number % 10) as u8]);
    }

    #[inline(always)]
    fn add_number(&mut self, mut number: u64) {
        loop {
            self.add_digit(number);
            number /= 10;
            if number == 0 {
                return;
            }
        }
    }
}
