//! The records of TLS in a piece of ciphertext: RFC 8446, section 5.1.
//!
//! Only the headers are looked at, which are not encrypted. Bytes that are no record are one piece, to be passed on at
//! once: OpenSSL says what is wrong with them.

/// The size of a record's header: its type, its version, and the length of what follows.
const HEADER: usize = 5;

/// The most that may follow a header in TLS 1.3: the data and 256 bytes (RFC 8446, section 5.2). TLS 1.2 has 2,048
/// bytes instead (RFC 5246, section 6.2.3), of which nobody uses so many.
const LENGTH_AT_MOST: usize = DATA_AT_MOST + 256;

/// The most data of one record.
pub const DATA_AT_MOST: usize = 16 * 1024;

/// The types of records: from change_cipher_spec to heartbeat.
const TYPES: std::ops::RangeInclusive<u8> = 20..=24;

/// The major version of each TLS.
const MAJOR: u8 = 3;

/// The whole records at the front of a piece.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct WholeRecords {
    /// How many there are.
    pub count: usize,
    /// How many bytes they have, with their headers.
    pub length: usize,
}

/// A place in ciphertext, at a header or within a record that was passed on before it was whole.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Records {
    missing: usize,
}

/// What a header says.
enum First {
    /// A record of this length, with its header.
    Of(usize),
    /// Not enough bytes to say.
    Unknown,
    /// Bytes that are no record.
    Nothing,
}

impl Records {
    /// Finds the whole records at the front of some ciphertext, which are passed on, and those of which OpenSSL says at
    /// their header that they are too long.
    ///
    /// ```
    /// let record = [23, 3, 3, 0, 2, 0xAA, 0xBB];
    /// let found = stream::Records::default().take(&[&record[..], &record[..3]].concat());
    /// assert_eq!((found.count, found.length), (1, 7));
    /// ```
    pub fn take(&mut self, bytes: &[u8]) -> WholeRecords {
        self.take_some(bytes, usize::MAX)
    }

    /// Does the same for no more than so many records.
    pub fn take_some(&mut self, bytes: &[u8], at_most: usize) -> WholeRecords {
        let length = self.missing.min(bytes.len());
        self.missing -= length;
        let mut found = WholeRecords { count: usize::from(length > 0 && self.missing == 0), length };
        while found.length < bytes.len() && found.count < at_most {
            let rest = &bytes[found.length..];
            match first(rest) {
                First::Of(length) if length <= rest.len() => found.length += length,
                First::Of(length) if length > HEADER + LENGTH_AT_MOST => {
                    self.missing = length - rest.len();
                    found.length = bytes.len();
                }
                First::Of(_) | First::Unknown => break,
                First::Nothing => found.length = bytes.len(),
            }
            found.count += 1;
        }
        found
    }
}

fn first(bytes: &[u8]) -> First {
    let is_plausible = bytes.first().is_none_or(|kind| TYPES.contains(kind))
        && bytes.get(1).is_none_or(|major| *major == MAJOR);
    if !is_plausible {
        return First::Nothing;
    }
    match bytes.get(3..HEADER) {
        Some(&[high, low]) => First::Of(HEADER + usize::from(u16::from_be_bytes([high, low]))),
        _ => First::Unknown,
    }
}
