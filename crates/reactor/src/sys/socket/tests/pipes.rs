//! Bytes through pipes: those received, those that do not fit, and an end that has left.

use std::io::{self, ErrorKind, IoSlice, PipeReader, PipeWriter};
use std::os::fd::AsRawFd;

use super::{filled, kind_of, number_of};
use crate::socket;
use crate::sys::descriptor;

fn pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    descriptor::set_nonblocking(&reader).unwrap();
    descriptor::set_nonblocking(&writer).unwrap();
    (reader, writer)
}

#[test]
fn what_is_written_is_read() {
    let (reader, writer) = pipe();
    assert_eq!(socket::write(writer.as_raw_fd(), b"one turn ").unwrap(), 9);
    let slices = [&b"of"[..], b"", b" a loop"].map(IoSlice::new);
    assert_eq!(socket::write_vectored(writer.as_raw_fd(), &slices).unwrap(), 9);
    assert_eq!(filled(socket::read, &reader, 3).unwrap(), b"one");
    assert_eq!(filled(socket::read, &reader, 64).unwrap(), b" turn of a loop");
    assert_eq!(kind_of(filled(socket::read, &reader, 64)), Some(ErrorKind::WouldBlock));
}

#[test]
fn the_end_comes_when_the_writer_is_gone() {
    let (reader, writer) = pipe();
    socket::write(writer.as_raw_fd(), b"x").unwrap();
    drop(writer);
    assert_eq!(filled(socket::read, &reader, 64).unwrap(), b"x");
    assert_eq!(filled(socket::read, &reader, 64).unwrap(), b"");
}

#[test]
fn a_full_pipe_takes_a_part_and_then_nothing() {
    let (reader, writer) = pipe();
    // Sixteen times what a pipe holds on Linux.
    let flood = vec![1; 1 << 20];
    let mut written = socket::write(writer.as_raw_fd(), &flood).unwrap();
    assert!(written < flood.len());
    let refused = loop {
        match socket::write_vectored(writer.as_raw_fd(), &[IoSlice::new(&flood)]) {
            Ok(count) => written += count,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    assert_eq!(filled(socket::read, &reader, flood.len()).unwrap().len(), written);
}

#[test]
fn a_reader_that_has_left_is_an_error() {
    // The test harness ignores the signal, as Python does.
    let (reader, writer) = pipe();
    drop(reader);
    assert_eq!(number_of(socket::write(writer.as_raw_fd(), b"x")), Some(libc::EPIPE));
    assert_eq!(
        number_of(socket::write_vectored(writer.as_raw_fd(), &[IoSlice::new(b"x")])),
        Some(libc::EPIPE)
    );
}

#[test]
fn more_slices_than_the_kernel_takes_are_left_for_the_next_call() {
    let (_reader, writer) = pipe();
    let slices: Vec<IoSlice<'_>> = (0..1500).map(|_| IoSlice::new(b"x")).collect();
    assert_eq!(socket::write_vectored(writer.as_raw_fd(), &slices).unwrap(), 1024);
}

/// Creates a pipe with both ends blocking.
fn blocking_pipe() -> (PipeReader, PipeWriter) {
    io::pipe().unwrap()
}

#[test]
fn nothing_waits_for_a_pipe_that_blocks() {
    let (reader, writer) = blocking_pipe();
    let flood = [b'x'; 1 << 20];
    let mut written = 0;
    loop {
        // Where the kernel has no call that never waits, this call is refused, and the other one checks first.
        let outcome = match socket::write(writer.as_raw_fd(), &flood) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                socket::write_when_ready(writer.as_raw_fd(), &flood)
            }
            outcome => outcome,
        };
        match outcome {
            Ok(count) => written += count,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                break;
            }
        }
    }
    assert!(written > 0);
    assert_eq!(kind_of(socket::write_when_ready(writer.as_raw_fd(), b"x")), Some(ErrorKind::WouldBlock));
    assert_eq!(filled(socket::read_when_ready, &reader, flood.len()).unwrap().len(), written);
    assert_eq!(kind_of(filled(socket::read_when_ready, &reader, 1)), Some(ErrorKind::WouldBlock));
    assert!(matches!(
        kind_of(filled(socket::read, &reader, 1)),
        Some(ErrorKind::WouldBlock | ErrorKind::Unsupported)
    ));
}

#[test]
fn a_pipe_that_blocks_takes_what_there_is_room_for() {
    let (reader, writer) = blocking_pipe();
    assert_eq!(socket::write_when_ready(writer.as_raw_fd(), &[b'x'; 10_000]).unwrap(), 10_000);
    assert_eq!(filled(socket::read_when_ready, &reader, 20_000).unwrap().len(), 10_000);
    drop(writer);
    assert_eq!(filled(socket::read_when_ready, &reader, 1).unwrap(), b"");
}

#[test]
fn a_pipe_that_is_opened_again_has_a_flag_of_its_own() {
    let (reader, writer) = io::pipe().unwrap();
    let (own_reader, own_writer) = (
        descriptor::reopen(reader.as_raw_fd(), false).unwrap(),
        descriptor::reopen(writer.as_raw_fd(), true).unwrap(),
    );
    assert_eq!(kind_of(filled(socket::read_when_ready, &own_reader, 64)), Some(ErrorKind::WouldBlock));
    socket::write(own_writer.as_raw_fd(), b"x").unwrap();
    assert_eq!(filled(socket::read, &own_reader, 64).unwrap(), b"x");
    assert!(is_blocking(reader.as_raw_fd()) && !is_blocking(own_reader.as_raw_fd()));
    descriptor::set_blocking(own_reader.as_raw_fd(), true).unwrap();
    assert!(is_blocking(own_reader.as_raw_fd()));
    descriptor::set_blocking(own_reader.as_raw_fd(), false).unwrap();
    drop((writer, own_writer));
    assert_eq!(filled(socket::read, &own_reader, 64).unwrap(), b"");
}

#[test]
fn a_device_is_not_opened_again() {
    // Opening the master of a terminal would make another terminal.
    let device = std::fs::File::open("/dev/ptmx").unwrap();
    assert_eq!(kind_of(descriptor::reopen(device.as_raw_fd(), false)), Some(ErrorKind::Unsupported));
    let (here, _there) = std::os::unix::net::UnixStream::pair().unwrap();
    assert_eq!(kind_of(descriptor::reopen(here.as_raw_fd(), false)), Some(ErrorKind::Unsupported));
}

fn is_blocking(fd: std::os::fd::RawFd) -> bool {
    // SAFETY: the command takes no pointer, and the call refuses a number that is not open.
    unsafe { libc::fcntl(fd, libc::F_GETFL) & libc::O_NONBLOCK == 0 }
}
