//! Events that an armed backend reports without a system call. A backend that the system gives no means for never arms.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::thread;

use reactor::{Backend, Interest, Timeout, Token, Trigger};

use crate::bench::{TOKEN, alone};

/// Creates a backend that watches one end of a pair, if it can be armed, and returns both ends.
fn armed<B: Backend>() -> Option<(B, UnixStream, UnixStream)> {
    let (ours, peer) = UnixStream::pair().unwrap();
    let mut backend = B::new().unwrap();
    backend.register(ours.as_raw_fd(), TOKEN, Interest::READABLE, Trigger::Level).unwrap();
    (arm_and_poll(&mut backend)).then_some((backend, ours, peer))
}

/// Arms the backend, and makes the poll that finds earlier events.
fn arm_and_poll<B: Backend>(backend: &mut B) -> bool {
    let is_armed = backend.arm();
    assert_eq!(backend.wait(Timeout::Now).unwrap(), 0);
    assert_eq!(is_armed, !backend.has_news());
    is_armed
}

pub(crate) fn an_event_is_news_at_once<B: Backend>() {
    let _alone = alone();
    let Some((mut backend, mut ours, mut peer)) = armed::<B>() else { return };
    for _ in 0..3 {
        peer.write_all(b"x").unwrap();
        assert!(backend.has_news());
        assert_eq!(backend.wait(Timeout::Now).unwrap(), 1);
        ours.read_exact(&mut [0]).unwrap();
        assert!(arm_and_poll(&mut backend));
    }
}

pub(crate) fn another_threads_event_is_news_when_its_call_has_returned<B: Backend>() {
    let _alone = alone();
    let Some((mut backend, _ours, mut peer)) = armed::<B>() else { return };
    thread::spawn(move || peer.write_all(b"x").unwrap()).join().unwrap();
    assert!(backend.has_news());
}

pub(crate) fn a_change_that_finds_something_ready_is_news<B: Backend>() {
    let _alone = alone();
    let Some((mut backend, ours, peer)) = armed::<B>() else { return };
    backend.register(peer.as_raw_fd(), Token::new(9, 1), Interest::WRITABLE, Trigger::Level).unwrap();
    assert!(backend.has_news());
    assert_eq!(backend.wait(Timeout::Now).unwrap(), 1);
    backend.deregister(peer.as_raw_fd(), Interest::WRITABLE).unwrap();
    assert!(arm_and_poll(&mut backend));
    drop(peer);
    assert!(backend.has_news(), "the other end is closed");
    drop(ours);
}

pub(crate) fn arming_in_another_thread_works_there<B: Backend + 'static>() {
    let _alone = alone();
    let Some((mut backend, mut ours, mut peer)) = armed::<B>() else { return };
    let mut backend = thread::spawn(move || {
        // The ring of the first thread is replaced.
        assert!(arm_and_poll(&mut backend));
        peer.write_all(b"x").unwrap();
        assert!(backend.has_news());
        ours.read_exact(&mut [0]).unwrap();
        backend
    })
    .join()
    .unwrap();
    assert!(arm_and_poll(&mut backend), "and so is what a thread that has ended left behind");
}

pub(crate) fn starting_over_disarms<B: Backend>() {
    let _alone = alone();
    let Some((mut backend, _ours, _peer)) = armed::<B>() else { return };
    backend.start_over().unwrap();
    assert!(backend.has_news());
    assert!(arm_and_poll(&mut backend));
}

pub(crate) fn a_hint_that_is_refused_is_never_given<B: Backend>() {
    let _alone = alone();
    let Some((mut backend, _ours, _peer)) = armed::<B>() else { return };
    backend.refuse_hints();
    assert!(backend.has_news());
    assert!(!backend.arm());
    backend.start_over().unwrap();
    assert!(!backend.arm());
}
