//! Files that the sets of several processes watch.

use std::net::TcpListener;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use reactor::{Backend, Interest, Modified, Readiness, Trigger};

use crate::bench::{Bench, OTHER, TOKEN};

pub(crate) fn an_exclusive_registration_is_a_level_and_can_be_changed<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let fd = listener.as_raw_fd();
    bench.poller.register(fd, OTHER, Interest::READABLE, Trigger::Exclusive).unwrap();
    assert_eq!(bench.readiness(), Readiness::NONE);
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    for trigger in [Trigger::Exclusive, Trigger::Level, Trigger::Exclusive] {
        bench.register(&listener, Interest::READABLE, trigger);
        assert_eq!(bench.readiness(), Readiness::READABLE);
        let changed = bench.poller.reregister(fd, TOKEN, Interest::READABLE, trigger).unwrap();
        assert_eq!(changed, Modified::Kept);
        for _ in 0..2 {
            assert_eq!(bench.readiness(), Readiness::READABLE);
        }
    }
    bench.poller.deregister(fd, Interest::READABLE).unwrap();
    assert_eq!(bench.readiness(), Readiness::NONE);
}

pub(crate) fn a_change_registers_a_shared_file_that_is_not_watched<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let fd = listener.as_raw_fd();
    let changed = bench.poller.reregister(fd, TOKEN, Interest::READABLE, Trigger::Exclusive).unwrap();
    // kqueue can't tell.
    assert!(changed == Modified::Renewed || bench.poller.backend_name() == "kqueue");
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_eq!(bench.readiness(), Readiness::READABLE);
}
