//! What a wait reports of a descriptor, and how often.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use reactor::{Backend, Interest, Readiness, Timeout, Trigger};

use crate::bench::{Bench, TOKEN};

pub(crate) fn nothing_ready_is_a_timeout<B: Backend>() {
    let (_peer, watched) = UnixStream::pair().unwrap();
    let mut bench = Bench::<B>::new();
    bench.register(&watched, Interest::READABLE, Trigger::Level);
    assert_eq!(bench.poller.wait(Timeout::Now).unwrap(), 0);
    assert_eq!(bench.poller.wait(Timeout::After(Duration::from_millis(1))).unwrap(), 0);
}

pub(crate) fn a_level_is_reported_by_each_wait<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (mut peer, mut watched) = UnixStream::pair().unwrap();
    bench.register(&watched, Interest::READABLE, Trigger::Level);
    peer.write_all(b"x").unwrap();
    assert!(bench.readiness().readable());
    assert!(bench.readiness().readable());
    watched.read_exact(&mut [0]).unwrap();
    assert_eq!(bench.readiness(), Readiness::NONE);
}

pub(crate) fn an_edge_is_reported_once<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (mut peer, watched) = UnixStream::pair().unwrap();
    bench.register(&watched, Interest::READABLE, Trigger::Edge);
    for _ in 0..2 {
        peer.write_all(b"x").unwrap();
        assert!(bench.readiness().readable());
        assert_eq!(bench.readiness(), Readiness::NONE);
    }
}

pub(crate) fn both_directions_come_in_one_wait<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (mut peer, watched) = UnixStream::pair().unwrap();
    bench.register(&watched, Interest::BOTH, Trigger::Level);
    peer.write_all(b"x").unwrap();
    let readiness = bench.readiness();
    assert_eq!(readiness, Readiness::READABLE.with(Readiness::WRITABLE));
}

pub(crate) fn only_what_was_asked_for_is_reported<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (mut peer, watched) = UnixStream::pair().unwrap();
    peer.write_all(b"x").unwrap();
    bench.register(&watched, Interest::READABLE, Trigger::Level);
    assert_eq!(bench.readiness(), Readiness::READABLE);
    bench.poller.reregister(watched.as_raw_fd(), TOKEN, Interest::WRITABLE, Trigger::Level).unwrap();
    assert_eq!(bench.readiness(), Readiness::WRITABLE);
}

pub(crate) fn a_change_reports_again_what_holds<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (mut peer, watched) = UnixStream::pair().unwrap();
    peer.write_all(b"x").unwrap();
    bench.register(&watched, Interest::READABLE, Trigger::Edge);
    assert!(bench.readiness().readable());
    assert_eq!(bench.readiness(), Readiness::NONE);
    bench.poller.reregister(watched.as_raw_fd(), TOKEN, Interest::READABLE, Trigger::Edge).unwrap();
    assert!(bench.readiness().readable());
}

pub(crate) fn a_hangup_is_readable_and_writable<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (peer, watched) = UnixStream::pair().unwrap();
    bench.register(&watched, Interest::BOTH, Trigger::Level);
    drop(peer);
    let readiness = bench.readiness();
    assert_eq!(readiness, Readiness::BOTH);
}

pub(crate) fn a_half_close_is_no_hangup<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (peer, watched) = UnixStream::pair().unwrap();
    bench.register(&watched, Interest::READABLE, Trigger::Level);
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(bench.readiness(), Readiness::READABLE);
}

pub(crate) fn a_pipe_without_reader_is_writable<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (reader, writer) = io::pipe().unwrap();
    bench.register(&writer, Interest::WRITABLE, Trigger::Level);
    drop(reader);
    assert!(bench.readiness().writable());
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn more_than_one_wait_can_report_comes_with_the_next<B: Backend>() {
    /// One wait reports up to 512.
    const PAIRS: u32 = 300;
    let mut bench = Bench::<B>::new();
    let pairs: Vec<_> = (0..PAIRS).map(|_| UnixStream::pair().unwrap()).collect();
    for (index, stream) in (0..).zip(pairs.iter().flat_map(|(left, right)| [left, right])) {
        let token = reactor::Token::new(index, 0);
        bench.poller.register(stream.as_raw_fd(), token, Interest::WRITABLE, Trigger::Level).unwrap();
    }
    let first = bench.reported(Timeout::Now);
    let second = bench.reported(Timeout::Now);
    let unseen = (0..PAIRS * 2).map(|index| reactor::Token::new(index, 0));
    let unseen = unseen.filter(|token| !first.iter().chain(&second).any(|(seen, _)| seen == token));
    assert_eq!((first.len(), second.len(), unseen.count()), (512, 512, 0));
}
