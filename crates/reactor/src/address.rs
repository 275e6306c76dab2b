//! Socket addresses as plain values, small enough to be kept per peer and compared per datagram.
//!
//! The layouts of the kernel are not known here; `sys::socket::sock_addr` converts from and to them. Host names,
//! service names and IPv6 zones are looked up elsewhere; this type holds the results.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The address of a socket, of its peer, or of the sender of a datagram. It takes 32 bytes.
///
/// ```
/// use reactor::Address;
/// use std::net::Ipv4Addr;
///
/// let here = Address::V4 { addr: Ipv4Addr::LOCALHOST, port: 8000 };
/// assert!(here.check().is_ok());
/// assert!(Address::UNSPECIFIED.check().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IPv4 address. All values are in host byte order, as in Python.
    V4 {
        /// The host.
        addr: Ipv4Addr,
        /// The port; 0 lets the kernel choose one.
        port: u16,
    },
    /// An IPv6 address. All values are in host byte order, as in Python.
    V6 {
        /// The host.
        addr: Ipv6Addr,
        /// The port; 0 lets the kernel choose one.
        port: u16,
        /// Traffic class and flow label. [`std::net::SocketAddrV6`] has them in network byte order instead.
        flowinfo: u32,
        /// The index of the interface of a link-local address, or 0.
        scope_id: u32,
    },
    /// The address of a Unix socket: the bytes of its path without the final NUL, an abstract name (Linux) with the NUL
    /// at its start, or empty for a socket without a name.
    Unix(Box<[u8]>),
    /// An address of another family, whose bytes are not kept. [`Address::UNSPECIFIED`] is one.
    Other {
        /// The kernel's number of the family.
        family: i32,
    },
}

impl Address {
    /// No address. The kernel gives it for the sender of a datagram from a Unix socket without a name, for bytes
    /// received from a stream, and on macOS for a connection that was gone before it was accepted.
    pub const UNSPECIFIED: Self = Self::Other { family: libc::AF_UNSPEC };
}
