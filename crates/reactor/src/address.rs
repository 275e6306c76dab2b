//! Where a socket is: an address as plain values, small enough to be kept for each peer and compared at each
//! datagram.
//!
//! It does not know how a kernel lays one out in memory; `sys::socket::name` does, and turns one into the
//! other. Names of hosts, of services and of IPv6 zones are looked up elsewhere: here stands what a look-up
//! results in.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The address of a socket, of its peer, or of who sent a datagram. It takes 32 bytes.
///
/// ```
/// use reactor::Address;
/// use std::net::Ipv4Addr;
///
/// let here = Address::V4 { addr: Ipv4Addr::LOCALHOST, port: 8000 };
/// let (storage, length) = here.to_storage()?;
/// assert_eq!(Address::from_storage(&storage, length), here);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// IPv4. Everything is in the order of the host, as Python has it.
    V4 {
        /// The host.
        addr: Ipv4Addr,
        /// The port; 0 lets the kernel choose one.
        port: u16,
    },
    /// IPv6. Everything is in the order of the host, as Python has it.
    V6 {
        /// The host.
        addr: Ipv6Addr,
        /// The port; 0 lets the kernel choose one.
        port: u16,
        /// Traffic class and flow label. [`std::net::SocketAddrV6`] has it in the order of the network
        /// instead.
        flowinfo: u32,
        /// The index of the interface that a link-local address belongs to, or 0.
        scope_id: u32,
    },
    /// A Unix socket: the bytes of its path without the NUL at their end, an abstract name (Linux) with the
    /// NUL at its beginning, or nothing at all for a socket without a name.
    Unix(Box<[u8]>),
    /// Of a family that is not known here; its bytes are not kept. [`Address::UNSPECIFIED`] is one.
    Other {
        /// The kernel's number of the family.
        family: i32,
    },
}

impl Address {
    /// No address at all: what the kernel gives for the sender of a datagram that came from a Unix socket
    /// without a name, for what was received from a stream, and on macOS for a connection that was gone
    /// before it was accepted.
    pub const UNSPECIFIED: Self = Self::Other { family: libc::AF_UNSPEC };

    /// The kernel's number of the family: `AF_INET`, `AF_INET6`, `AF_UNIX` or another.
    #[inline]
    #[must_use]
    pub fn family(&self) -> i32 {
        match self {
            Self::V4 { .. } => libc::AF_INET,
            Self::V6 { .. } => libc::AF_INET6,
            Self::Unix(_) => libc::AF_UNIX,
            Self::Other { family } => *family,
        }
    }
}
