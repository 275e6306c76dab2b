//! Bytes through stream sockets: those received, those that do not fit, and a peer that has left.

use std::io::{ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

use super::{TemporaryPath, filled, kind_of, number_of, received, tcp_pair, unix_pair};
use crate::{Interest, socket};

/// More than any socket buffer of a test takes at once: on Linux they grow up to 6 MiB by themselves.
const FLOOD: usize = 32 << 20;

#[test]
fn what_is_sent_is_received() {
    let (here, there) = tcp_pair();
    assert_eq!(socket::send(here.as_raw_fd(), b"one turn of a loop").unwrap(), 18);
    super::wait_for(&there, Interest::READABLE);
    assert_eq!(received(&there, 3).unwrap(), b"one");
    assert_eq!(received(&there, 64).unwrap(), b" turn of a loop");
    assert_eq!(kind_of(received(&there, 64)), Some(ErrorKind::WouldBlock));
}

#[test]
fn the_end_is_nothing_without_an_error() {
    let (here, there) = unix_pair();
    socket::send(here.as_raw_fd(), b"last words").unwrap();
    socket::shutdown_write(here.as_raw_fd()).unwrap();
    assert_eq!(received(&there, 64).unwrap(), b"last words");
    assert_eq!(received(&there, 64).unwrap(), b"");
    assert_eq!(socket::send(there.as_raw_fd(), b"still heard").unwrap(), 11);
    assert_eq!(received(&here, 64).unwrap(), b"still heard");
}

#[test]
fn a_full_socket_takes_a_part_and_then_nothing() {
    let (here, there) = tcp_pair();
    let flood = (0..u8::MAX).collect::<Vec<u8>>().repeat(FLOOD / 255);
    let mut sent = socket::send(here.as_raw_fd(), &flood).unwrap();
    assert!(sent < flood.len(), "all of it went into the buffers");
    let refused = loop {
        match socket::send(here.as_raw_fd(), &flood[sent..]) {
            Ok(count) => sent += count,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    assert_eq!(kind_of(socket::send_vectored(here.as_raw_fd(), &[IoSlice::new(b"x")])), Some(refused.kind()));

    drop(here);
    let mut arrived = Vec::new();
    while arrived.len() < sent {
        super::wait_for(&there, Interest::READABLE);
        arrived.extend(received(&there, 1 << 20).unwrap());
    }
    assert!(arrived == flood[..sent], "other bytes arrived than were sent");
    assert_eq!(received(&there, 1).unwrap(), b"");
}

#[test]
fn slices_are_sent_in_their_order() {
    let (here, there) = unix_pair();
    let slices = [&b"one"[..], b"", b" turn ", b"of a loop"].map(IoSlice::new);
    assert_eq!(socket::send_vectored(here.as_raw_fd(), &slices).unwrap(), 18);
    assert_eq!(received(&there, 64).unwrap(), b"one turn of a loop");
    assert_eq!(socket::send_vectored(here.as_raw_fd(), &[]).unwrap(), 0);
}

#[test]
fn more_slices_than_the_kernel_takes_are_left_for_the_next_call() {
    let (here, there) = unix_pair();
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(1500).collect();
    let slices: Vec<IoSlice<'_>> = bytes.iter().map(std::slice::from_ref).map(IoSlice::new).collect();
    assert_eq!(socket::send_vectored(here.as_raw_fd(), &slices).unwrap(), 1024);
    assert_eq!(socket::send_vectored(here.as_raw_fd(), &slices[1024..]).unwrap(), 476);
    assert_eq!(received(&there, 2000).unwrap(), bytes);
}

#[test]
fn a_part_of_the_slices_is_counted_in_bytes() {
    let (here, there) = unix_pair();
    let (small, large) = (vec![1; 1000], vec![2; FLOOD]);
    let sent = socket::send_vectored(here.as_raw_fd(), &[&*small, &large].map(IoSlice::new)).unwrap();
    assert!(sent > small.len() && sent < FLOOD, "{sent}");
    let arrived = received(&there, 2000).unwrap();
    assert_eq!((&arrived[..1000], &arrived[1000..]), (&small[..], &large[..1000]));
}

#[test]
fn no_room_is_no_end() {
    let (here, there) = unix_pair();
    socket::send(here.as_raw_fd(), b"x").unwrap();
    assert_eq!(received(&there, 0).unwrap(), b"");
    assert_eq!(received(&there, 1).unwrap(), b"x");
}

#[test]
fn a_reset_is_told_once_and_then_it_is_the_end() {
    let (here, there) = tcp_pair();
    socket::send(there.as_raw_fd(), b"never read").unwrap();
    super::wait_for(&here, Interest::READABLE);
    // Closing a socket that has unread bytes resets the connection.
    drop(here);
    super::wait_for(&there, Interest::READABLE);
    assert_eq!(kind_of(received(&there, 1)), Some(ErrorKind::ConnectionReset));
    assert_eq!(received(&there, 1).unwrap(), b"");
}

#[test]
fn a_number_that_is_not_open_is_an_error() {
    let room = &mut [MaybeUninit::uninit(); 1];
    assert_eq!(number_of(socket::receive(-1, room)), Some(libc::EBADF));
    assert_eq!(number_of(socket::send(-1, b"x")), Some(libc::EBADF));
    assert_eq!(number_of(socket::send_vectored(-1, &[IoSlice::new(b"x")])), Some(libc::EBADF));
    let path = TemporaryPath::new("no-socket");
    let file = std::fs::File::create(&path.0).unwrap();
    assert_eq!(number_of(received(&file, 1)), Some(libc::ENOTSOCK));
    assert_eq!(number_of(filled(socket::read, &file, 1)), Some(libc::EBADF), "it was opened for writing");
}
