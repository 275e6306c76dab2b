//! Any address is unchanged after a conversion to the kernel's layout and back.

use std::collections::HashSet;
use std::mem::offset_of;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::as_written;
use crate::Address;
use crate::sys::socket::SockAddr;

const PATH_ROOM: usize = size_of::<libc::sockaddr_un>() - offset_of!(libc::sockaddr_un, sun_path);

fn any_v4() -> impl Strategy<Value = Address> {
    (any::<[u8; 4]>(), any::<u16>()).prop_map(|(addr, port)| Address::V4 { addr: Ipv4Addr::from(addr), port })
}

fn any_v6() -> impl Strategy<Value = Address> {
    (any::<[u8; 16]>(), any::<u16>(), any::<u32>(), any::<u32>()).prop_map(
        |(addr, port, flowinfo, scope_id)| Address::V6 {
            addr: Ipv6Addr::from(addr),
            port,
            flowinfo,
            scope_id,
        },
    )
}

fn any_path() -> impl Strategy<Value = Address> {
    prop::collection::vec(1..=u8::MAX, 0..=PATH_ROOM).prop_map(|path| Address::Unix(path.into()))
}

/// Generates names with NULs anywhere, one of them at the start.
fn any_abstract_name() -> impl Strategy<Value = Address> {
    prop::collection::vec(prop_oneof![Just(0), any::<u8>()], 0..PATH_ROOM).prop_map(|mut name| {
        name.insert(0, 0);
        Address::Unix(name.into())
    })
}

fn any_address() -> BoxedStrategy<Address> {
    let addresses = prop_oneof![any_v4(), any_v6(), any_path()];
    if cfg!(target_os = "linux") {
        prop_oneof![addresses, any_abstract_name()].boxed()
    } else {
        addresses.boxed()
    }
}

proptest! {
    #[test]
    fn there_and_back_again(address in any_address()) {
        let again = SockAddr::of(&address).unwrap().address();
        prop_assert!(HashSet::from([&address]).contains(&again));
        prop_assert_eq!(again, address);
    }

    #[test]
    fn whatever_the_kernel_may_write_is_some_address(
        address in any_address(),
        family in any::<libc::sa_family_t>(),
        length in 0..200_u32,
    ) {
        let written = SockAddr::of(&address).unwrap();
        let read = as_written(&written, Some(family), length);
        prop_assert!(super::family_of(&read) == i32::from(family) || read == Address::UNSPECIFIED);
    }

    #[test]
    fn an_address_of_another_family_is_not_given_to_the_kernel(family in any::<i32>()) {
        let refused = Address::Other { family }.check().unwrap_err();
        prop_assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
    }
}
