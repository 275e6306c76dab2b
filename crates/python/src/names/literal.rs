//! The plain case: a literal address in its usual form and a number, as in `getaddrinfo("127.0.0.1", 80, type=1)`.
//!
//! Subclasses of `str` and `int`, flags that may change the answer, zones, and literals in unusual forms ("127.1") are
//! none: the system knows them.

use std::net::{Ipv4Addr, Ipv6Addr};

use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString, PyTuple};
use reactor::Address;
use reactor::socket::ipv6_text;

use crate::address;
use crate::ffi::make;
use crate::ffi::method::Call;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::name;

/// A plain call of `getaddrinfo`.
pub(super) struct Query<'py> {
    pub(super) host: Borrowed<'py>,
    pub(super) given_port: Borrowed<'py>,
    flags: i32,
    pub(super) key: Key,
    literal: Literal,
    port: u16,
}

/// The arguments that decide on the kinds of sockets in an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    is_v6: bool,
    has_service: bool,
    family: i32,
    kind: i32,
    proto: i32,
}

enum Literal {
    V4,
    V6(Ipv6Addr),
}

/// Flags that change nothing for a literal and a number.
const HARMLESS: i32 = libc::AI_PASSIVE | libc::AI_NUMERICHOST | libc::AI_NUMERICSERV;

/// The longest literal without a zone: eight groups of four digits, or six of them and an IPv4 address.
const LONGEST: usize = 45;

/// Returns the arguments of a plain call.
pub(super) fn query<'py>(call: &Call<'py, EventLoop>) -> Option<Query<'py>> {
    let &[host, given_port] = call.positional() else { return None };
    let [mut family, mut kind, mut proto, mut flags] = [0; 4];
    for (name, value) in call.each_keyword() {
        let number = if name.is(&**name!("type")) {
            &mut kind
        } else if name.is(&**name!("family")) {
            &mut family
        } else if name.is(&**name!("proto")) {
            &mut proto
        } else if name.is(&**name!("flags")) {
            &mut flags
        } else {
            return None;
        };
        *number = value.cast::<PyInt>().ok()?.extract().ok()?;
    }
    if flags & !HARMLESS != 0 {
        return None;
    }
    let literal = Literal::parse(text(&host)?)?;
    let is_v6 = matches!(literal, Literal::V6(_));
    let own_family = if is_v6 { libc::AF_INET6 } else { libc::AF_INET };
    if family != libc::AF_UNSPEC && family != own_family {
        return None;
    }
    let has_service = !given_port.is_none();
    let port = if has_service { port(given_port)? } else { 0 };
    Some(Query {
        host,
        given_port,
        flags,
        key: Key { is_v6, has_service, family, kind, proto },
        literal,
        port,
    })
}

impl Key {
    /// Returns family, type and protocol.
    pub(super) const fn numbers(&self) -> [i32; 3] {
        [self.family, self.kind, self.proto]
    }
}

impl<'py> Query<'py> {
    /// Returns family, type, protocol and flags.
    pub(super) const fn numbers(&self) -> [i32; 4] {
        let [family, kind, proto] = self.key.numbers();
        [family, kind, proto, self.flags]
    }

    /// Returns the address of the socket as a tuple.
    pub(super) fn address(&self, py: Python<'py>) -> Result<Bound<'py, PyTuple>, ErrorSet> {
        let port = if self.given_port.is_exact_instance_of::<PyInt>() {
            (*self.given_port).to_owned()
        } else {
            make::integer(py, i64::from(self.port))?
        };
        match &self.literal {
            // The only usual form of an IPv4 address is its canonical one.
            Literal::V4 => make::tuple(py, [(*self.host).to_owned(), port]),
            Literal::V6(addr) => {
                let host = make::text(py, &ipv6_text(*addr))?.into_any();
                make::tuple(py, [host, port, make::integer(py, 0)?, make::integer(py, 0)?])
            }
        }
    }
}

impl Literal {
    fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        if text.as_bytes().first()?.is_ascii_digit() && text.parse::<Ipv4Addr>().is_ok() {
            return Some(Self::V4);
        }
        text.parse().ok().map(Self::V6)
    }
}

fn port(given: Borrowed<'_>) -> Option<u16> {
    if given.is_exact_instance_of::<PyInt>() {
        return given.extract().ok();
    }
    let text = text(&given)?;
    let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// Returns the text of a string that is exactly a `str` of ASCII characters.
fn text<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    object.cast_exact::<PyString>().ok()?.to_str().ok().filter(|text| text.is_ascii())
}

/// A plain call of `getnameinfo`, and its result.
pub(super) struct NameQuery<'py> {
    pub(super) sockaddr: Borrowed<'py>,
    pub(super) host: String,
    pub(super) port: u16,
}

/// Returns the arguments of a plain call that asks for numbers only.
pub(super) fn name_query<'py>(call: &Call<'py, EventLoop>) -> Option<NameQuery<'py>> {
    let (sockaddr, flags) = match (call.positional(), call.has_keywords()) {
        (&[sockaddr, flags], false) => (sockaddr, flags),
        (&[sockaddr], true) => {
            let mut keywords = call.each_keyword();
            let (_, flags) = keywords.next().filter(|(name, _)| name.is(&**name!("flags")))?;
            if keywords.next().is_some() {
                return None;
            }
            (sockaddr, flags)
        }
        _ => return None,
    };
    let flags: i32 = flags.cast::<PyInt>().ok()?.extract().ok()?;
    if flags & !libc::NI_DGRAM != libc::NI_NUMERICHOST | libc::NI_NUMERICSERV {
        return None;
    }
    let tuple = sockaddr.cast_exact::<PyTuple>().ok()?;
    let host = tuple.get_borrowed_item(0).ok()?;
    let is_v6 = text(&host)?.contains(':');
    let family = if is_v6 { libc::AF_INET6 } else { libc::AF_INET };
    let (host, port) = match address::from_object(&sockaddr, family)? {
        Address::V4 { addr, port } => (addr.to_string(), port),
        Address::V6 { addr, port, scope_id: 0, .. } => (ipv6_text(addr), port),
        _ => return None,
    };
    Some(NameQuery { sockaddr, host, port })
}
