//! Datagrams, one or several per call: by the kernel's own calls, and as on systems without them.

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;

use super::{TemporaryPath, bound, connect, kind_of, number_of};
use crate::socket::{self, DATAGRAMS_PER_CALL, DatagramBatch};
use crate::sys::socket::datagram::send_each;
use crate::{Address, Interest};

const LOOPBACK: Address = Address::V4 { addr: Ipv4Addr::LOCALHOST, port: 0 };

/// Either implementation of sending several.
type SendMany = fn(RawFd, &[(&[u8], Option<&Address>)]) -> io::Result<usize>;
/// Either implementation of receiving several.
type ReceiveMany = fn(&mut DatagramBatch, RawFd) -> io::Result<usize>;

const SENDERS: [SendMany; 2] = [socket::send_many, send_each];
const RECEIVERS: [ReceiveMany; 2] = [DatagramBatch::receive, one_by_one];

fn one_by_one(batch: &mut DatagramBatch, fd: RawFd) -> io::Result<usize> {
    batch.receive_by(DatagramBatch::receive_each, fd)
}

/// Creates a UDP socket on loopback, and returns its address.
fn udp() -> (OwnedFd, Address) {
    let socket = bound(&LOOPBACK, libc::SOCK_DGRAM).unwrap();
    let address = socket::local_address(socket.as_raw_fd()).unwrap();
    (socket, address)
}

/// Creates two Unix sockets that are connected to each other.
fn unix_pair() -> (UnixDatagram, UnixDatagram) {
    let (here, there) = UnixDatagram::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    there.set_nonblocking(true).unwrap();
    (here, there)
}

fn received_from(fd: &impl AsRawFd, room: usize) -> io::Result<(Vec<u8>, Address)> {
    let mut bytes = vec![MaybeUninit::uninit(); room];
    socket::receive_from(fd.as_raw_fd(), &mut bytes).map(|(datagram, from)| (datagram.to_vec(), from))
}

/// Returns the contents of a batch, for comparison.
fn contents(batch: &DatagramBatch, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|index| batch.datagram(index).0.to_vec()).collect()
}

#[test]
fn a_datagram_tells_who_sent_it() {
    let ((here, here_address), (there, there_address)) = (udp(), udp());
    assert_eq!(socket::send_to(here.as_raw_fd(), b"hello", Some(&there_address)).unwrap(), 5);
    super::wait_for(&there, Interest::READABLE);
    assert_eq!(received_from(&there, 64).unwrap(), (b"hello".to_vec(), here_address));
    assert_eq!(kind_of(received_from(&there, 64)), Some(ErrorKind::WouldBlock));
}

#[test]
fn a_connected_socket_needs_no_address() {
    let ((here, here_address), (there, there_address)) = (udp(), udp());
    connect(&here, &there_address).unwrap();
    assert_eq!(socket::send_to(here.as_raw_fd(), b"", None).unwrap(), 0);
    super::wait_for(&there, Interest::READABLE);
    assert_eq!(received_from(&there, 64).unwrap(), (vec![], here_address));
    assert_eq!(number_of(socket::send_to(there.as_raw_fd(), b"x", None)), Some(libc::EDESTADDRREQ));
}

#[test]
fn a_datagram_that_nobody_can_take_is_too_long() {
    let ((here, _), (_there, there_address)) = (udp(), udp());
    let long = vec![0; 1 << 16];
    assert_eq!(
        number_of(socket::send_to(here.as_raw_fd(), &long, Some(&there_address))),
        Some(libc::EMSGSIZE)
    );
}

#[test]
fn unix_datagrams_tell_the_path_of_their_sender_if_it_has_one() {
    let (here, there) = (TemporaryPath::new("here"), TemporaryPath::new("there"));
    let named = bound(&here.address(), libc::SOCK_DGRAM).unwrap();
    let receiver = bound(&there.address(), libc::SOCK_DGRAM).unwrap();
    let nameless = UnixDatagram::unbound().unwrap();
    socket::send_to(named.as_raw_fd(), b"named", Some(&there.address())).unwrap();
    socket::send_to(nameless.as_raw_fd(), b"nameless", Some(&there.address())).unwrap();
    assert_eq!(received_from(&receiver, 64).unwrap(), (b"named".to_vec(), here.address()));
    let (bytes, from) = received_from(&receiver, 64).unwrap();
    assert_eq!(bytes, b"nameless");
    #[cfg(any(target_os = "linux", target_os = "android"))]
    assert_eq!(from, Address::UNSPECIFIED);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    drop(from);
}

#[test]
fn a_datagram_to_nobody_is_refused_later() {
    let (here, _) = udp();
    // A connected socket takes datagrams from its peer only; and while it exists, no other gets its port.
    let (nobody, address) = udp();
    connect(&nobody, &address).unwrap();
    connect(&here, &address).unwrap();
    socket::send_to(here.as_raw_fd(), b"x", None).unwrap();
    super::wait_for(&here, Interest::READABLE);
    for receive in RECEIVERS {
        let refused = receive(&mut DatagramBatch::new(2, 16), here.as_raw_fd());
        assert_eq!(kind_of(refused), Some(ErrorKind::ConnectionRefused));
        socket::send_to(here.as_raw_fd(), b"x", None).unwrap();
        super::wait_for(&here, Interest::READABLE);
    }
}

#[test]
fn several_are_received_by_one_call() {
    for receive in RECEIVERS {
        let (here, there) = unix_pair();
        let mut batch = DatagramBatch::new(4, 8);
        for bytes in [&b"short"[..], b"", b"fits in.", b"does not fit", b"the fifth"] {
            assert_eq!(socket::send_to(here.as_raw_fd(), bytes, None).unwrap(), bytes.len());
        }
        assert_eq!(receive(&mut batch, there.as_raw_fd()).unwrap(), 4);
        assert_eq!(contents(&batch, 4), [&b"short"[..], b"", b"fits in.", b"does not"]);
        assert_eq!(receive(&mut batch, there.as_raw_fd()).unwrap(), 1);
        assert_eq!(contents(&batch, 1), [b"the fift"]);
        assert_eq!(kind_of(receive(&mut batch, there.as_raw_fd())), Some(ErrorKind::WouldBlock));
    }
}

#[test]
fn each_of_several_tells_who_sent_it() {
    for receive in RECEIVERS {
        let (receiver, address) = udp();
        let senders = [udp(), udp(), udp()];
        for (sender, _) in &senders {
            socket::send_to(sender.as_raw_fd(), b"x", Some(&address)).unwrap();
        }
        let mut batch = DatagramBatch::new(8, 16);
        let mut from = Vec::new();
        while from.len() < senders.len() {
            super::wait_for(&receiver, Interest::READABLE);
            let count = receive(&mut batch, receiver.as_raw_fd()).unwrap();
            from.extend((0..count).map(|index| batch.datagram(index).1));
        }
        assert_eq!(from, senders.map(|(_, address)| address));
    }
}

#[test]
#[should_panic(expected = "out of bounds")]
fn a_datagram_that_was_not_received_cannot_be_looked_at() {
    let (here, there) = unix_pair();
    socket::send_to(here.as_raw_fd(), b"x", None).unwrap();
    let mut batch = DatagramBatch::new(2, 8);
    assert_eq!(batch.receive(there.as_raw_fd()).unwrap(), 1);
    assert_eq!(kind_of(batch.receive(there.as_raw_fd())), Some(ErrorKind::WouldBlock));
    drop(batch.datagram(0).1);
}

#[test]
fn a_batch_does_not_wait_on_a_descriptor_that_was_left_blocking() {
    for receive in RECEIVERS {
        let (here, there) = UnixDatagram::pair().unwrap();
        socket::send_to(here.as_raw_fd(), b"x", None).unwrap();
        let mut batch = DatagramBatch::new(2, 8);
        assert_eq!(receive(&mut batch, there.as_raw_fd()).unwrap(), 1);
        assert_eq!(kind_of(receive(&mut batch, there.as_raw_fd())), Some(ErrorKind::WouldBlock));
    }
}

#[test]
fn several_are_sent_by_one_call_each_to_its_own_address() {
    for send in SENDERS {
        let (here, here_address) = udp();
        let ((one, one_address), (two, two_address)) = (udp(), udp());
        let datagrams: [(&[u8], _); 3] =
            [(b"1", Some(&one_address)), (b"2", Some(&two_address)), (b"", Some(&one_address))];
        assert_eq!(send(here.as_raw_fd(), &datagrams).unwrap(), 3);
        for (receiver, expected) in [(&one, &b"1"[..]), (&one, b""), (&two, b"2")] {
            super::wait_for(receiver, Interest::READABLE);
            assert_eq!(received_from(receiver, 8).unwrap(), (expected.to_vec(), here_address.clone()));
        }
    }
}

#[test]
fn one_call_sends_so_many_and_no_more() {
    for send in SENDERS {
        let (here, there) = unix_pair();
        let bytes: Vec<[u8; 1]> = (0..40).map(|byte| [byte]).collect();
        let datagrams: Vec<(&[u8], Option<&Address>)> = bytes.iter().map(|byte| (&byte[..], None)).collect();
        let mut arrived = 0;
        let mut left = &datagrams[..];
        while !left.is_empty() {
            // A Unix socket may have room for only ten.
            let sent = send(here.as_raw_fd(), left).unwrap();
            assert!(sent <= DATAGRAMS_PER_CALL);
            left = &left[sent..];
            while let Ok((byte, _)) = received_from(&there, 8) {
                assert_eq!(byte, [arrived]);
                arrived += 1;
            }
        }
        assert_eq!(arrived, 40);
        assert_eq!(send(here.as_raw_fd(), &[]).unwrap(), 0);
    }
}

#[test]
fn a_full_socket_ends_the_batch_and_then_refuses_it() {
    for send in SENDERS {
        let (here, _there) = unix_pair();
        let datagrams = [(&b"x"[..], None); DATAGRAMS_PER_CALL];
        let refused = loop {
            if let Err(error) = send(here.as_raw_fd(), &datagrams) {
                break error;
            }
        };
        // The BSDs have a different error number for it.
        assert!(matches!(refused.raw_os_error(), Some(libc::EAGAIN | libc::ENOBUFS)), "{refused}");
    }
}

#[test]
fn a_datagram_that_cannot_be_sent_ends_the_batch_and_is_reported_when_it_comes_first() {
    let too_long = Address::Unix(vec![b'x'; 200].into());
    let nobody = TemporaryPath::new("nobody-takes-datagrams").address();
    for send in SENDERS {
        for (bad, kind) in [(&too_long, ErrorKind::InvalidInput), (&nobody, ErrorKind::NotFound)] {
            let path = TemporaryPath::new("takes-datagrams");
            let receiver = bound(&path.address(), libc::SOCK_DGRAM).unwrap();
            let (sender, good) = (UnixDatagram::unbound().unwrap(), path.address());
            let datagrams: [(&[u8], _); 3] = [(b"1", Some(&good)), (b"2", Some(bad)), (b"3", Some(&good))];
            assert_eq!(send(sender.as_raw_fd(), &datagrams).unwrap(), 1);
            assert_eq!(kind_of(send(sender.as_raw_fd(), &datagrams[1..])), Some(kind));
            assert_eq!(received_from(&receiver, 8).unwrap().0, b"1");
            assert_eq!(kind_of(received_from(&receiver, 8)), Some(ErrorKind::WouldBlock));
        }
    }
}
