//! The text of an IPv6 address as the system writes it.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::net::Ipv6Addr;

unsafe extern "C" {
    // The libc crate omits it.
    fn inet_ntop(
        family: c_int,
        address: *const c_void,
        text: *mut c_char,
        size: libc::socklen_t,
    ) -> *const c_char;
}

/// The longest text, with its NUL: six groups of four digits and an IPv4 address (`INET6_ADDRSTRLEN`).
const ROOM: usize = 46;

/// Returns the text of an IPv6 address. Some systems write the last four bytes as an IPv4 address if all others are
/// zeros, as in `::192.0.2.1`, which Rust does not; all other addresses have the same text everywhere.
#[must_use]
pub fn ipv6_text(addr: Ipv6Addr) -> String {
    match addr.segments() {
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => system_text(addr).unwrap_or_else(|| addr.to_string()),
        _ => addr.to_string(),
    }
}

fn system_text(addr: Ipv6Addr) -> Option<String> {
    let (bytes, mut room) = (addr.octets(), [0 as c_char; ROOM]);
    let size = libc::socklen_t::try_from(ROOM).ok()?;
    // SAFETY: the bytes of an address, and room that is as long as said.
    let text = unsafe { inet_ntop(libc::AF_INET6, bytes.as_ptr().cast(), room.as_mut_ptr(), size) };
    if text.is_null() {
        return None;
    }
    // SAFETY: the call has written a text with its NUL.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{ipv6_text, system_text};

    #[test]
    fn all_texts_are_the_systems() {
        let texts = ":: ::1 ::2 ::ffff ::1:0 ::1.2.3.4 ::ffff:1.2.3.4 ::ffff:0:1.2.3.4 ::1:1.2.3.4 1:: 1:0:0:2:0:0:0:3 \
                     1:0:2:3:4:5:6:7 1:0:0:2:3:0:0:4 0:1:2:3:4:5:6:7 2001:db8::8:800:200c:417a 64:ff9b::192.0.2.33";
        for text in texts.split_whitespace() {
            let addr = text.parse().expect("a literal of the list above");
            assert_eq!(Some(ipv6_text(addr)), system_text(addr), "{text}");
        }
    }
}
