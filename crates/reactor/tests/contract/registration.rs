//! Which descriptors can be watched, and numbers that are closed and reused.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use reactor::{Backend, Interest, Modified, Readiness, Trigger};

use crate::bench::{Bench, OTHER, TOKEN, closed_number};

pub(crate) fn registering_twice_replaces<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (mut peer, watched) = UnixStream::pair().unwrap();
    peer.write_all(b"x").unwrap();
    bench.poller.register(watched.as_raw_fd(), OTHER, Interest::BOTH, Trigger::Level).unwrap();
    bench.register(&watched, Interest::READABLE, Trigger::Edge);
    assert_eq!(bench.readiness(), Readiness::READABLE);
    assert_eq!(bench.readiness(), Readiness::NONE);
}

pub(crate) fn changing_what_is_not_watched_registers_it<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (_peer, watched) = UnixStream::pair().unwrap();
    bench.poller.reregister(watched.as_raw_fd(), TOKEN, Interest::WRITABLE, Trigger::Level).unwrap();
    assert!(bench.readiness().writable());
}

pub(crate) fn nothing_is_reported_after_deregistering<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (mut peer, watched) = UnixStream::pair().unwrap();
    bench.register(&watched, Interest::BOTH, Trigger::Level);
    bench.poller.deregister(watched.as_raw_fd(), Interest::BOTH).unwrap();
    peer.write_all(b"x").unwrap();
    assert_eq!(bench.readiness(), Readiness::NONE);
}

pub(crate) fn an_empty_interest_is_refused<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (_peer, watched) = UnixStream::pair().unwrap();
    let fd = watched.as_raw_fd();
    let refused = bench.poller.register(fd, TOKEN, Interest::NONE, Trigger::Level).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    let refused = bench.poller.reregister(fd, TOKEN, Interest::NONE, Trigger::Level).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
}

pub(crate) fn a_closed_number_is_refused<B: Backend>() {
    let mut bench = Bench::<B>::new();
    for fd in [closed_number(), -1] {
        let refused = bench.poller.register(fd, TOKEN, Interest::READABLE, Trigger::Level).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EBADF));
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn a_regular_file_is_refused<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let file = File::open("/proc/self/exe").unwrap();
    let refused = bench.poller.register(file.as_raw_fd(), TOKEN, Interest::READABLE, Trigger::Level);
    assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EPERM));
}

pub(crate) fn deregistering_what_is_gone_is_silence<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (_peer, watched) = UnixStream::pair().unwrap();
    let fd = watched.as_raw_fd();
    bench.poller.deregister(fd, Interest::BOTH).unwrap();
    bench.register(&watched, Interest::READABLE, Trigger::Level);
    drop(watched);
    bench.poller.deregister(fd, Interest::READABLE).unwrap();
    let _files = open_until(|| File::open("/dev/null").unwrap(), |file| file.as_raw_fd() == fd);
    bench.poller.deregister(fd, Interest::READABLE).unwrap();
}

pub(crate) fn a_number_used_again_reports_to_its_new_owner<B: Backend>() {
    let mut bench = Bench::<B>::new();
    for renewed in [false, true] {
        let (peer, watched) = UnixStream::pair().unwrap();
        let fd = watched.as_raw_fd();
        bench.poller.register(fd, OTHER, Interest::BOTH, Trigger::Level).unwrap();
        drop((peer, watched));
        let has_number = |stream: &UnixStream| stream.as_raw_fd() == fd;
        let mut pairs =
            open_until(|| UnixStream::pair().unwrap(), |(left, right)| has_number(left) || has_number(right));
        let (left, right) = pairs.pop().unwrap();
        let (mut peer, _watched) = if has_number(&right) { (left, right) } else { (right, left) };
        let poller = &mut bench.poller;
        if renewed {
            let rearmed = poller.reregister(fd, TOKEN, Interest::READABLE, Trigger::Level).unwrap();
            // kqueue can't tell; epoll has to, so that the caller can drop what belonged to the old file.
            assert!(rearmed == Modified::Renewed || poller.backend_name() == "kqueue");
        } else {
            poller.register(fd, TOKEN, Interest::READABLE, Trigger::Level).unwrap();
        }
        assert_eq!(bench.readiness(), Readiness::NONE);
        peer.write_all(b"x").unwrap();
        assert_eq!(bench.readiness(), Readiness::READABLE);
    }
}

/// Opens files until one has the wanted number, and returns all of them, that one as the last.
fn open_until<T>(mut open: impl FnMut() -> T, is_wanted: impl Fn(&T) -> bool) -> Vec<T> {
    /// The lowest free number is given out first, so it takes few; most often one.
    const LIMIT: usize = 64;
    let mut opened = vec![open()];
    while !opened.last().is_some_and(&is_wanted) {
        assert!(opened.len() < LIMIT, "the number is not given out again");
        opened.push(open());
    }
    opened
}
