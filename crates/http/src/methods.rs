//! The methods that the parser of single messages knows.

/// The methods of the IANA registry (RFC 9110 section 16.1.1), and those of UPnP, Icecast and caches that are in use.
static KNOWN: [&[u8]; 46] = [
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"CONNECT",
    b"TRACE",
    b"ACL",
    b"BASELINE-CONTROL",
    b"BIND",
    b"CHECKIN",
    b"CHECKOUT",
    b"COPY",
    b"LABEL",
    b"LINK",
    b"LOCK",
    b"M-SEARCH",
    b"MERGE",
    b"MKACTIVITY",
    b"MKCALENDAR",
    b"MKCOL",
    b"MKREDIRECTREF",
    b"MKWORKSPACE",
    b"MOVE",
    b"NOTIFY",
    b"ORDERPATCH",
    b"PRI",
    b"PROPFIND",
    b"PROPPATCH",
    b"PURGE",
    b"QUERY",
    b"REBIND",
    b"REPORT",
    b"SEARCH",
    b"SOURCE",
    b"SUBSCRIBE",
    b"UNBIND",
    b"UNCHECKOUT",
    b"UNLINK",
    b"UNLOCK",
    b"UNSUBSCRIBE",
    b"UPDATE",
    b"UPDATEREDIRECTREF",
    b"VERSION-CONTROL",
];

/// The length of the longest method.
pub(crate) const LONGEST: usize = 17;

/// Returns the method with this name, in the same case (RFC 9110 section 9.1).
#[inline]
pub(crate) fn known(name: &[u8]) -> Option<&'static [u8]> {
    KNOWN.iter().find(|known| **known == name).copied()
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, LONGEST, known};

    #[test]
    fn each_method_is_there_once_and_within_the_length() {
        assert_eq!(KNOWN.iter().map(|name| name.len()).max(), Some(LONGEST));
        for name in KNOWN {
            assert_eq!(KNOWN.iter().filter(|known| **known == name).count(), 1);
            assert_eq!(known(name), Some(name));
        }
        assert_eq!(known(b"get"), None);
    }
}
