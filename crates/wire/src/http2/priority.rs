//! What a client says about the priority of a response (RFC 9218): the field `priority` of a request, and the value of a
//! PRIORITY_UPDATE frame.
//!
//! Such a value is a dictionary of Structured Fields (RFC 9651 section 3.2) with two parameters: `u`, an urgency of 0
//! to 7, and `i`, whether parts of the response are of use before the rest. A value that is no dictionary says nothing,
//! and so do other parameters and values of another type or range (RFC 9218 section 4): a priority is a hint and no
//! error. This module knows no streams.

/// The priority of a response.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Priority {
    /// 0 is the most urgent, 7 is the least.
    pub(super) urgency: u8,
    /// Whether the response shares its turns with others of the same urgency. Otherwise it is sent as a whole, before
    /// those that were asked for later.
    pub(super) shares: bool,
}

impl Priority {
    /// The priority of a response of which the client says nothing at all. Its urgency is the default of RFC 9218, and it
    /// shares, which differs from that default: a client without priorities may be a proxy with many users, or have a
    /// response that never ends beside others (RFC 9218 section 13).
    pub(super) const UNSAID: Self = Self { urgency: 3, shares: true };
    /// What a parameter stands for that a client leaves out (RFC 9218 section 4).
    const DEFAULT: Self = Self { urgency: 3, shares: false };

    /// Reads the value of a field, or of a frame. Several lines of a field are one value, joined by commas.
    pub(super) fn parse(value: &[u8]) -> Self {
        let mut said = Self::DEFAULT;
        let mut reader = Reader { rest: value };
        match reader.dictionary(&mut said) {
            Some(()) => said,
            None => Self::DEFAULT,
        }
    }
}

/// A value, as far as priorities have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bare {
    Integer(i64),
    Boolean(bool),
    Other,
}

/// The rest of a dictionary. Its methods return `None` if it is none.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads a dictionary (RFC 9651 section 4.2.2): the last of several members with one name counts.
    fn dictionary(&mut self, said: &mut Priority) -> Option<()> {
        self.skip(b" ");
        while let Some(first) = self.rest.first() {
            let is_short = self.rest.len() == 1 || !is_key_byte(self.rest[1]);
            let name = if is_short { *first } else { 0 };
            self.key()?;
            let value = if !self.take(b'=') {
                Bare::Boolean(true)
            } else if self.take(b'(') {
                self.inner_list()?;
                Bare::Other
            } else {
                self.bare()?
            };
            self.parameters()?;
            match (name, value) {
                (b'u', Bare::Integer(urgency @ 0..=7)) => said.urgency = u8::try_from(urgency).ok()?,
                (b'i', Bare::Boolean(shares)) => said.shares = shares,
                (b'u', _) => said.urgency = Priority::DEFAULT.urgency,
                (b'i', _) => said.shares = Priority::DEFAULT.shares,
                _ => {}
            }
            self.skip(b" \t");
            if self.rest.is_empty() {
                return Some(());
            }
            if !self.take(b',') {
                return None;
            }
            self.skip(b" \t");
            if self.rest.is_empty() {
                return None;
            }
        }
        Some(())
    }

    /// Reads the rest of a list in parentheses (section 4.2.1.2).
    fn inner_list(&mut self) -> Option<()> {
        loop {
            self.skip(b" ");
            if self.take(b')') {
                return Some(());
            }
            self.bare()?;
            self.parameters()?;
            if !matches!(self.rest.first(), Some(b' ' | b')')) {
                return None;
            }
        }
    }

    /// Reads parameters of a member (section 4.2.3.2), none of which is known.
    fn parameters(&mut self) -> Option<()> {
        while self.take(b';') {
            self.skip(b" ");
            self.key()?;
            if self.take(b'=') {
                self.bare()?;
            }
        }
        Some(())
    }

    /// Reads a key (section 4.2.3.3).
    fn key(&mut self) -> Option<()> {
        let first = self.next()?;
        if !(first.is_ascii_lowercase() || first == b'*') {
            return None;
        }
        self.run(is_key_byte);
        Some(())
    }

    /// Reads a value of any type (section 4.2.3.1).
    fn bare(&mut self) -> Option<Bare> {
        match self.rest.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b'*' | b'A'..=b'Z' | b'a'..=b'z' => {
                self.run(|byte| is_token_byte(byte) || matches!(byte, b':' | b'/'));
                Some(Bare::Other)
            }
            b':' => {
                self.next();
                self.run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
                self.take(b':').then_some(Bare::Other)
            }
            b'?' => {
                self.next();
                match self.next()? {
                    b'0' => Some(Bare::Boolean(false)),
                    b'1' => Some(Bare::Boolean(true)),
                    _ => None,
                }
            }
            b'@' => {
                self.next();
                matches!(self.number()?, Bare::Integer(_)).then_some(Bare::Other)
            }
            b'%' => {
                self.next();
                self.display_string()
            }
            _ => None,
        }
    }

    /// Reads an integer of at most 15 digits, or a decimal of at most 12 before and 3 behind the point (section 4.2.4).
    fn number(&mut self) -> Option<Bare> {
        let is_negative = self.take(b'-');
        let digits = self.run(|byte| byte.is_ascii_digit());
        if !self.take(b'.') {
            let value = digits
                .iter()
                .fold(0_i64, |value, digit| value.wrapping_mul(10).wrapping_add(i64::from(digit - b'0')));
            let value = if is_negative { -value } else { value };
            return (1..=15).contains(&digits.len()).then_some(Bare::Integer(value));
        }
        let fraction = self.run(|byte| byte.is_ascii_digit());
        let is_valid = (1..=12).contains(&digits.len()) && (1..=3).contains(&fraction.len());
        is_valid.then_some(Bare::Other)
    }

    /// Reads a string in quotation marks (section 4.2.5).
    fn string(&mut self) -> Option<Bare> {
        self.next();
        loop {
            match self.next()? {
                b'"' => return Some(Bare::Other),
                b'\\' if !matches!(self.next()?, b'"' | b'\\') => return None,
                b'\\' | b' '..=b'~' => {}
                _ => return None,
            }
        }
    }

    /// Reads a string of Unicode characters (section 4.2.10), whose UTF-8 is of no interest.
    fn display_string(&mut self) -> Option<Bare> {
        if !self.take(b'"') {
            return None;
        }
        loop {
            match self.next()? {
                b'"' => return Some(Bare::Other),
                b'%' => {
                    for _ in 0..2 {
                        matches!(self.next()?, b'0'..=b'9' | b'a'..=b'f').then_some(())?;
                    }
                }
                b' '..=b'~' => {}
                _ => return None,
            }
        }
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.rest.first() == Some(&byte);
        self.rest = &self.rest[usize::from(is_next)..];
        is_next
    }

    fn skip(&mut self, bytes: &[u8]) {
        self.run(|byte| bytes.contains(&byte));
    }

    fn run(&mut self, is_inside: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.rest.iter().position(|byte| !is_inside(*byte)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(length);
        self.rest = rest;
        run
    }
}

const fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'*')
}

/// Returns whether the byte may stand in a token (RFC 9110 section 5.6.2).
const fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
        || byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::Priority;

    fn said(urgency: u8, shares: bool) -> Priority {
        Priority { urgency, shares }
    }

    #[test]
    fn both_parameters_are_read() {
        for (value, expected) in [
            ("u=5, i", said(5, true)),
            ("u=0", said(0, false)),
            ("i", said(3, true)),
            ("i=?1,u=7", said(7, true)),
            ("i=?0", said(3, false)),
            ("", said(3, false)),
            ("  u=1\t,\t i  ", said(1, true)),
            ("u=1,u=2", said(2, false)),
        ] {
            assert_eq!(Priority::parse(value.as_bytes()), expected, "{value:?}");
        }
    }

    #[test]
    fn other_parameters_and_values_of_other_types_say_nothing() {
        for (value, expected) in [
            ("u=8, i", said(3, true)),
            ("u=-1, i", said(3, true)),
            ("u=1.5, i", said(3, true)),
            ("u=\"1\", i=1", said(3, false)),
            ("u=6;x=1;y;z=\"a\\\"b\", i;q=?0", said(6, true)),
            ("a=(1 \"b\" c;d=?1), u=2", said(2, false)),
            ("a=:aGVsbG8=:, b=@1659578233, c=%\"f%c3%bc\", *d_-.*=tok/en:1, u=4, i", said(4, true)),
            ("uu=1, ii, u1=0", said(3, false)),
            ("i=a, u", said(3, false)),
            ("a=123456789012.123, u=2", said(2, false)),
        ] {
            assert_eq!(Priority::parse(value.as_bytes()), expected, "{value:?}");
        }
    }

    #[test]
    fn a_value_that_is_no_dictionary_says_nothing() {
        for value in [
            "u=1,",
            "u=1,,i",
            ",u=1",
            "u=1 i",
            "u=1; i=",
            "U=1",
            "u=1, i=?2",
            "u=1, a=(1",
            "u=1, a=(1\"b\")",
            "u=1, a=\"b",
            "u=1, a=\"\\n\"",
            "u=1, a=:b",
            "u=1, a=:!:",
            "u=1, a=@1.5",
            "u=1, a=@",
            "u=1, a=%\"%C3\"",
            "u=1, a=%b",
            "u=1, a=1234567890123456",
            "u=1, a=1.",
            "u=1, a=1.2345",
            "u=1, a=-",
            "u=1, =1",
            "u=1, 1=1",
            "u=1, a=",
            "u=1, a=\u{7f}",
            "u=1\0",
            "\tu=1",
            "u= 1",
        ] {
            assert_eq!(Priority::parse(value.as_bytes()), said(3, false), "{value:?}");
        }
        assert_eq!(Priority::parse(b"u=1, a=\"\xff\""), said(3, false));
    }

    #[test]
    fn every_prefix_of_a_value_is_read() {
        let value = b"u=1, i;a=(, b=(1 2;c \"d\\\\\");e=:YQ==:, f=%\"%c3\", g=-1.25, h=@-5";
        for end in 0..=value.len() {
            let read = Priority::parse(&value[..end]);
            assert!(read.urgency <= 7);
        }
    }
}
