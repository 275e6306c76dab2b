//! The head of a request that did not arrive as HTTP/1.1, for other wires.

use crate::bytes;
use crate::encode;
use crate::error::RemoteProtocolError;
use crate::head::Head;
use crate::limits::{FIELDS_AT_MOST, Limits};

const BAD_LINE: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed method or target (RFC 9110 sections 7.1 and 9.1)");
const BAD_FIELD: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed field (RFC 9110 section 5)");

/// For heads of other wires, which have limits of their own.
const ANY_LENGTH: Limits = Limits {
    request_line_bytes: usize::MAX,
    head_bytes: usize::MAX,
    fields: FIELDS_AT_MOST,
    method_bytes: usize::MAX,
    body_bytes: u64::MAX,
    chunk_extension_bytes: 0,
    chunk_extensions_bytes: 0,
    trailer_bytes: 0,
    backlog_bytes: 0,
    drain_bytes: 0,
};

impl Head {
    /// Returns the head of a request that did not arrive as HTTP/1.1, as if it had: for another wire.
    ///
    /// # Errors
    ///
    /// The parts break a rule for heads, other than those on lengths.
    pub fn of<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        method: &[u8],
        target: &[u8],
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, RemoteProtocolError> {
        let is_line = bytes::is_token(method) && target.iter().all(|byte| (0x21..0x7f).contains(byte));
        if !is_line {
            return Err(BAD_LINE);
        }
        let mut lines = Vec::new();
        let mut has_host = false;
        for (name, value) in fields {
            encode::check_field(name.as_ref(), value.as_ref()).map_err(|_| BAD_FIELD)?;
            has_host |= name.as_ref().eq_ignore_ascii_case(b"host");
            lines.extend_from_slice(&[name.as_ref(), b": ", value.as_ref(), b"\r\n"].concat());
        }
        // Only 1.0 has requests without Host.
        let version = if has_host { b" HTTP/1.1\r\n" } else { b" HTTP/1.0\r\n" };
        let section = [method, b" ", target, version, &lines, b"\r\n"].concat();
        let mut head = Self::default();
        head.fields.bytes = section;
        head.parse(&ANY_LENGTH)?;
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Head, NO_FIELDS};

    #[test]
    fn a_head_has_the_parts_that_it_was_made_of() {
        let head = Head::of(b"GET", b"/a?b", [("Accept", "*/*"), ("host", "a.example")]).unwrap();
        assert_eq!((head.method(), head.path(), head.query()), (&b"GET"[..], &b"/a"[..], &b"b"[..]));
        assert_eq!(head.fields().value_of(b"host"), Some(&b"a.example"[..]));
        assert_eq!(head.fields().iter().len(), 2);
    }

    #[test]
    fn a_head_without_host_is_one_of_1_0() {
        let head = Head::of(b"GET", b"/", NO_FIELDS).unwrap();
        assert_eq!((head.version(), head.fields().iter().len()), (crate::Version::Http10, 0));
    }

    #[test]
    fn no_part_begins_another_line() {
        assert!(Head::of(b"GET", b"/ HTTP/1.1\r\na: b", NO_FIELDS).is_err());
        assert!(Head::of(b"GET /", b"/", NO_FIELDS).is_err());
        assert!(Head::of(b"GET", b"/", [("a", "b\r\nc: d")]).is_err());
        assert!(Head::of(b"GET", b"/", [("a\r\nc", "d")]).is_err());
    }
}
