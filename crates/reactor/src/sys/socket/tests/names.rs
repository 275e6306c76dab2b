//! Addresses in the kernel's layout: the meaning of their length, and invalid ones. `addresses.rs` converts addresses
//! in both directions.

use std::io::ErrorKind;
use std::mem::offset_of;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{SockAddr, as_written, kind_of};
use crate::Address;

const PATH_START: usize = offset_of!(libc::sockaddr_un, sun_path);
const PATH_ROOM: usize = size_of::<libc::sockaddr_un>() - PATH_START;

/// Returns an address in the kernel's layout, as bytes.
fn bytes_of(address: &Address) -> Vec<u8> {
    let name = SockAddr::of(address).unwrap();
    let (bytes, length) = (name.as_ptr().cast::<u8>(), name.length());
    // SAFETY: the name has as many bytes as it says, all of them initialised, and outlives the borrow.
    unsafe { std::slice::from_raw_parts(bytes, usize::try_from(length).unwrap()) }.to_vec()
}

/// Returns what the kernel's layout means with another length.
fn cut(address: &Address, length: usize) -> Address {
    as_written(&SockAddr::of(address).unwrap(), None, libc::socklen_t::try_from(length).unwrap())
}

fn path(bytes: &[u8]) -> Address {
    Address::Unix(bytes.into())
}

#[test]
fn an_address_is_small() {
    assert!(size_of::<Address>() <= 32);
}

#[test]
fn numbers_go_in_the_order_of_the_network() {
    let bytes = bytes_of(&Address::V4 { addr: Ipv4Addr::new(127, 0, 0, 1), port: 0x1234 });
    assert_eq!(bytes[2..8], [0x12, 0x34, 127, 0, 0, 1]);
    let addr = Ipv6Addr::LOCALHOST;
    let bytes = bytes_of(&Address::V6 { addr, port: 0x1234, flowinfo: 0x000a_bcde, scope_id: 7 });
    assert_eq!(bytes[2..8], [0x12, 0x34, 0, 0x0a, 0xbc, 0xde]);
    assert_eq!(bytes[8..24], addr.octets());
    // The index of an interface never leaves the machine.
    assert_eq!(bytes[24..28], 7_u32.to_ne_bytes());
}

#[test]
fn the_length_of_a_path_is_without_its_nul() {
    assert_eq!(bytes_of(&path(b"/a/b"))[PATH_START..], *b"/a/b");
    assert_eq!(bytes_of(&path(b"")).len(), PATH_START);
    assert_eq!(bytes_of(&path(&[b'x'; PATH_ROOM])).len(), PATH_START + PATH_ROOM);
}

#[test]
fn a_path_ends_at_its_nul_or_with_its_length() {
    assert_eq!(cut(&path(b"/a/b"), PATH_START + 5), path(b"/a/b"));
    assert_eq!(cut(&path(b"/a/b"), PATH_START + PATH_ROOM), path(b"/a/b"));
    assert_eq!(cut(&path(b"/a/b"), PATH_START + 3), path(b"/a/"));
    assert_eq!(cut(&path(b"/a/b"), PATH_START), path(b""));
    // Linux counts a NUL that is not even in `sun_path`.
    let full = path(&[b'x'; PATH_ROOM]);
    assert_eq!(cut(&full, PATH_START + PATH_ROOM + 1), full);
}

#[test]
#[cfg(any(target_os = "linux", target_os = "android"))]
fn an_abstract_name_ends_with_its_length() {
    assert_eq!(cut(&path(b"\0a\0b"), PATH_START + 4), path(b"\0a\0b"));
    assert_eq!(cut(&path(b"\0a\0b"), PATH_START + 6), path(b"\0a\0b\0\0"));
    assert_eq!(bytes_of(&path(b"\0a\0b\0")).len(), PATH_START + 5);
}

#[test]
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn without_abstract_names_a_nul_is_no_path() {
    assert_eq!(kind_of(SockAddr::of(&path(b"\0a"))), Some(ErrorKind::InvalidInput));
}

#[test]
fn what_cannot_be_an_address_is_refused() {
    for refused in [&path(&[b'x'; PATH_ROOM + 1]), &path(b"a\0b"), &path(b"a\0"), &Address::UNSPECIFIED] {
        assert_eq!(kind_of(SockAddr::of(refused)), Some(ErrorKind::InvalidInput), "{refused:?}");
    }
}

#[test]
fn what_is_too_short_is_of_no_known_family() {
    let v4 = Address::V4 { addr: Ipv4Addr::LOCALHOST, port: 1 };
    assert_eq!(cut(&v4, 0), Address::UNSPECIFIED);
    assert_eq!(cut(&v4, 1), Address::UNSPECIFIED);
    assert_eq!(cut(&v4, size_of::<libc::sockaddr_in>() - 1), Address::Other { family: libc::AF_INET });
    let v6 = Address::V6 { addr: Ipv6Addr::LOCALHOST, port: 1, flowinfo: 0, scope_id: 0 };
    assert_eq!(cut(&v6, size_of::<libc::sockaddr_in6>() - 1), Address::Other { family: libc::AF_INET6 });
}

#[test]
fn another_family_is_named_by_its_number() {
    let written = SockAddr::of(&Address::V4 { addr: Ipv4Addr::LOCALHOST, port: 1 }).unwrap();
    assert_eq!(as_written(&written, Some(99), written.length()), Address::Other { family: 99 });
}

#[test]
fn a_length_beyond_all_room_is_no_harm() {
    let v4 = Address::V4 { addr: Ipv4Addr::LOCALHOST, port: 1 };
    assert_eq!(cut(&v4, 1 << 20), v4);
    let full = path(&[b'x'; PATH_ROOM]);
    assert_eq!(cut(&full, 1 << 20), full);
}
