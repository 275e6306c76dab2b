//! shim
use reactor::{Interest, Poller, Token, Trigger};
use std::io;
use std::os::fd::RawFd;
#[derive(PartialEq)]
#[allow(dead_code)]
pub(crate) enum Rearmed {
    Kept,
    Renewed,
}
pub(crate) fn rearm(p: &mut Poller, d: RawFd, t: Token, i: Interest, g: Trigger) -> io::Result<Rearmed> {
    p.reregister(d, t, i, g).map(|()| Rearmed::Kept)
}
