//! An address in the kernel's layout, with its length: what each call on addresses reads or writes.
//!
//! It has the layouts of the three families of [`Address`] on Linux, macOS and FreeBSD. The calls that use them are
//! elsewhere.

use std::io;
use std::mem::{MaybeUninit, offset_of};
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::Address;

/// The most bytes of any address. Linux reports a path that fills all of `sun_path` as one byte longer than
/// `sockaddr_un`; there is room for that as well.
const MOST_BYTES: usize = size_of::<libc::sockaddr_storage>();
/// The end of the family. A shorter address says nothing.
const FAMILY_END: usize = offset_of!(libc::sockaddr, sa_family) + size_of::<libc::sa_family_t>();
const PATH_START: usize = offset_of!(libc::sockaddr_un, sun_path);
const PATH_END: usize = size_of::<libc::sockaddr_un>();

impl Address {
    /// Checks that the address can be given to the kernel.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] for the path of a Unix socket that is too long or contains a NUL where
    /// the kernel would end the path, and for [`Address::Other`].
    pub fn check(&self) -> io::Result<()> {
        SockAddr::of(self).map(drop)
    }
}

/// A buffer that holds an address or receives one.
#[derive(Clone, Copy)]
pub(crate) struct SockAddr {
    form: Form,
    length: libc::socklen_t,
}

/// The layouts; the family says which one is valid. Every byte is always initialised, and each layout consists of
/// numbers without padding, so that reading an invalid one returns nonsense and does no harm.
#[derive(Clone, Copy)]
#[repr(C)]
union Form {
    any: libc::sockaddr,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
    unix: libc::sockaddr_un,
    storage: libc::sockaddr_storage,
    bytes: [u8; MOST_BYTES],
}

impl Form {
    // SAFETY: the union consists of numbers, for which zero is a value.
    const ZERO: Self = unsafe { MaybeUninit::zeroed().assume_init() };
}

impl SockAddr {
    /// Room for any address.
    pub(crate) const ROOM: Self = Self { form: Form::ZERO, length: length_of(MOST_BYTES) };

    /// Creates an address for the kernel to read. [`Address::check`] documents the errors.
    #[inline]
    pub(crate) fn of(address: &Address) -> io::Result<Self> {
        let mut name = Self::ROOM;
        match *address {
            Address::V4 { addr, port } => {
                name.form.v4 = v4(addr, port);
                name.length = length_of(size_of::<libc::sockaddr_in>());
            }
            Address::V6 { addr, port, flowinfo, scope_id } => {
                name.form.v6 = v6(addr, port, flowinfo, scope_id);
                name.length = length_of(size_of::<libc::sockaddr_in6>());
            }
            Address::Unix(ref path) => {
                name.form.unix = unix(path)?;
                name.length = length_of(PATH_START + path.len());
            }
            Address::Other { .. } => return Err(refused("the address family is not supported")),
        }
        Ok(name)
    }

    /// Returns a pointer for a call that reads [`SockAddr::length`] bytes.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.form).cast()
    }

    /// Returns the number of bytes of the address.
    #[inline]
    pub(crate) fn length(&self) -> libc::socklen_t {
        self.length
    }

    /// Returns the pointers for a call that writes an address and its length, which holds the size of the room.
    #[inline]
    pub(crate) fn as_mut_ptrs(&mut self) -> (*mut libc::sockaddr, *mut libc::socklen_t) {
        self.length = Self::ROOM.length;
        ((&raw mut self.form).cast(), &raw mut self.length)
    }

    /// Sets how many bytes a call wrote, if the call returns that elsewhere.
    #[inline]
    pub(crate) fn set_length(&mut self, length: libc::socklen_t) {
        self.length = length;
    }

    /// Converts the address to values.
    #[inline]
    pub(crate) fn address(&self) -> Address {
        match self.family() {
            libc::AF_INET if self.holds::<libc::sockaddr_in>() => self.v4(),
            libc::AF_INET6 if self.holds::<libc::sockaddr_in6>() => self.v6(),
            libc::AF_UNIX => Address::Unix(self.path().into()),
            family => Address::Other { family },
        }
    }

    #[inline]
    fn family(&self) -> libc::c_int {
        if (self.length as usize) < FAMILY_END {
            return libc::AF_UNSPEC;
        }
        // SAFETY: all bytes are initialised, and each is a value.
        let any = unsafe { &self.form.any };
        any.sa_family.into()
    }

    /// Returns whether the address is long enough for this layout.
    #[inline]
    fn holds<T>(&self) -> bool {
        self.length as usize >= size_of::<T>()
    }

    #[inline]
    fn v4(&self) -> Address {
        // SAFETY: all bytes are initialised, and each is a value.
        let form = unsafe { &self.form.v4 };
        Address::V4 {
            addr: Ipv4Addr::from(form.sin_addr.s_addr.to_ne_bytes()),
            port: u16::from_be(form.sin_port),
        }
    }

    #[inline]
    fn v6(&self) -> Address {
        // SAFETY: all bytes are initialised, and each is a value.
        let form = unsafe { &self.form.v6 };
        Address::V6 {
            addr: Ipv6Addr::from(form.sin6_addr.s6_addr),
            port: u16::from_be(form.sin6_port),
            flowinfo: u32::from_be(form.sin6_flowinfo),
            scope_id: form.sin6_scope_id,
        }
    }

    /// Returns the path, up to its NUL if it has one. An abstract name ends with its length alone, since NULs are part
    /// of it.
    fn path(&self) -> &[u8] {
        // SAFETY: all bytes are initialised, and each is a value.
        let bytes = unsafe { &self.form.bytes };
        let end = PATH_END.min(self.length as usize);
        let path = bytes.get(PATH_START..end).unwrap_or_default();
        match path.iter().position(|&byte| byte == 0) {
            Some(0) if HAS_ABSTRACT_NAMES => path,
            Some(end) => &path[..end],
            None => path,
        }
    }
}

/// Whether a path that begins with NUL names a socket outside the file system. See unix(7).
const HAS_ABSTRACT_NAMES: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Converts a length to the kernel's type, which has room for far more than [`MOST_BYTES`].
#[allow(clippy::cast_possible_truncation, reason = "no address is longer than MOST_BYTES, which is 128")]
const fn length_of(size: usize) -> libc::socklen_t {
    assert!(size <= MOST_BYTES, "longer than any address");
    size as libc::socklen_t
}

/// Converts a family to the type that the layouts have for it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the families are small numbers")]
const fn family_of(number: libc::c_int) -> libc::sa_family_t {
    number as libc::sa_family_t
}

// The BSDs begin each layout with a length of one byte. Their kernels set it to the length that the call was given, so
// it stays zero here.

fn v4(addr: Ipv4Addr, port: u16) -> libc::sockaddr_in {
    libc::sockaddr_in {
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        sin_len: 0,
        sin_family: family_of(libc::AF_INET),
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(addr.octets()) },
        sin_zero: [0; 8],
    }
}

fn v6(addr: Ipv6Addr, port: u16, flowinfo: u32, scope_id: u32) -> libc::sockaddr_in6 {
    libc::sockaddr_in6 {
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        sin6_len: 0,
        sin6_family: family_of(libc::AF_INET6),
        sin6_port: port.to_be(),
        sin6_flowinfo: flowinfo.to_be(),
        sin6_addr: libc::in6_addr { s6_addr: addr.octets() },
        sin6_scope_id: scope_id,
    }
}

/// Lays out a path. It may fill all of `sun_path`: the length says where it ends, and no NUL is needed after it.
fn unix(path: &[u8]) -> io::Result<libc::sockaddr_un> {
    if path.len() > PATH_END - PATH_START {
        return Err(refused("the path of a Unix socket is too long"));
    }
    let is_abstract = HAS_ABSTRACT_NAMES && path.first() == Some(&0);
    if !is_abstract && path.contains(&0) {
        return Err(refused("the path of a Unix socket contains a NUL"));
    }
    let mut form = libc::sockaddr_un {
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        sun_len: 0,
        sun_family: family_of(libc::AF_UNIX),
        sun_path: [0; PATH_END - PATH_START],
    };
    for (room, byte) in form.sun_path.iter_mut().zip(path) {
        *room = libc::c_char::from_ne_bytes([*byte]);
    }
    Ok(form)
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
