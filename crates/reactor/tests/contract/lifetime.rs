//! Starting over, and the end of a set.

use std::io::Write;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use reactor::{Backend, Event, Interest, Poller, Readiness, Timeout, Token, Trigger};

use crate::bench::{Bench, LONG, OTHER, TOKEN, closed_number};

pub(crate) fn starting_over_watches_only_what_lives<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (mut stale_peer, stale) = UnixStream::pair().unwrap();
    let (mut live_peer, live) = UnixStream::pair().unwrap();
    bench.poller.register(stale.as_raw_fd(), OTHER, Interest::READABLE, Trigger::Level).unwrap();
    bench.register(&live, Interest::READABLE, Trigger::Level);
    // With epoll, the registration stays as long as the duplicate, and can't be removed by the old number.
    let _duplicate = stale.try_clone().unwrap();
    let stale_fd = stale.as_raw_fd();
    drop(stale);
    bench.poller.deregister(stale_fd, Interest::READABLE).unwrap();
    let registrations = [(live.as_raw_fd(), TOKEN, Interest::READABLE, Trigger::Level)];
    assert!(bench.poller.rebuild(registrations.into_iter()).unwrap().is_empty());
    stale_peer.write_all(b"x").unwrap();
    live_peer.write_all(b"x").unwrap();
    assert_eq!(bench.readiness(), Readiness::READABLE);
}

pub(crate) fn starting_over_says_what_it_could_not_register<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (_peer, live) = UnixStream::pair().unwrap();
    let registrations = [
        (RawFd::MAX, OTHER, Interest::BOTH, Trigger::Level),
        (live.as_raw_fd(), TOKEN, Interest::WRITABLE, Trigger::Level),
    ];
    let failures = bench.poller.rebuild(registrations.into_iter()).unwrap();
    let failures: Vec<_> = failures.iter().map(|(fd, error)| (*fd, error.raw_os_error())).collect();
    assert_eq!(failures, [(RawFd::MAX, Some(libc::EBADF))]);
    assert!(bench.readiness().writable());
}

pub(crate) fn a_waker_survives_starting_over<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let waker = bench.poller.waker();
    bench.poller.rebuild(std::iter::empty()).unwrap();
    assert!(waker == bench.poller.waker());
    waker.wake().unwrap();
    assert_eq!(bench.reported(LONG), [(Token::WAKER, Readiness::READABLE)]);
    assert_eq!(bench.reported(Timeout::Now), []);
}

pub(crate) fn events_stay_readable_until_the_next_wait<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (_peer, watched) = UnixStream::pair().unwrap();
    bench.register(&watched, Interest::WRITABLE, Trigger::Level);
    assert_eq!(bench.poller.wait(Timeout::Now).unwrap(), 1);
    bench.poller.rebuild(std::iter::empty()).unwrap();
    assert_eq!(bench.poller.event(0), Event { token: TOKEN, readiness: Readiness::WRITABLE });
}

pub(crate) fn closing_gives_every_descriptor_back<B: Backend>() {
    /// Enough to fail where a process may have 256 descriptors.
    const POLLERS: usize = 1000;
    let _bench = Bench::<B>::new();
    let before = closed_number();
    for _ in 0..POLLERS {
        let poller = Poller::with_backend(B::new().unwrap());
        drop(poller.waker());
    }
    assert_eq!(closed_number(), before);
}
