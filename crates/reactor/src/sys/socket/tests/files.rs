//! Sending from a file, where the kernel does it.

#![cfg(any(target_os = "linux", target_os = "android"))]

use std::fs::File;
use std::io::{ErrorKind, Seek, Write};
use std::os::fd::AsRawFd;

use super::{TemporaryPath, kind_of, number_of, received, unix_pair};
use crate::socket;

/// Creates a file with these bytes, open for reading and writing.
fn file_of(name: &str, bytes: &[u8]) -> (TemporaryPath, File) {
    let path = TemporaryPath::new(name);
    let mut file = File::options().create_new(true).read(true).write(true).open(&path.0).unwrap();
    file.write_all(bytes).unwrap();
    (path, file)
}

#[test]
fn a_part_of_a_file_is_sent_from_an_offset() {
    let (_path, mut file) = file_of("offset", b"one turn of a loop");
    let (here, there) = unix_pair();
    let send = |offset, count| socket::send_file(here.as_raw_fd(), file.as_raw_fd(), offset, count);
    assert_eq!(send(4, 4).unwrap(), 4);
    assert_eq!(received(&there, 64).unwrap(), b"turn");
    assert_eq!(send(12, 1000).unwrap(), 6, "a count past the end is no error");
    assert_eq!(received(&there, 64).unwrap(), b"a loop");
    assert_eq!(send(18, 1).unwrap(), 0);
    assert_eq!(send(1 << 40, 1).unwrap(), 0);
    assert_eq!(send(0, 0).unwrap(), 0);
    assert_eq!(file.stream_position().unwrap(), 18, "the position of the file is not used");
}

#[test]
fn an_offset_beyond_any_file_is_refused() {
    let (_path, file) = file_of("beyond", b"x");
    let (here, _there) = unix_pair();
    let result = socket::send_file(here.as_raw_fd(), file.as_raw_fd(), u64::MAX, 1);
    assert_eq!(kind_of(result), Some(ErrorKind::InvalidInput));
}

#[test]
fn a_full_socket_takes_a_part_of_a_file_and_then_nothing() {
    let (_path, file) = file_of("large", &vec![7; 8 << 20]);
    let (here, _there) = unix_pair();
    let mut offset = 0;
    let refused = loop {
        match socket::send_file(here.as_raw_fd(), file.as_raw_fd(), offset, usize::MAX) {
            Ok(count) => offset += u64::try_from(count).unwrap(),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    assert!(offset > 0 && offset < 8 << 20);
}

#[test]
fn what_has_no_offsets_is_refused() {
    let (reader, _writer) = std::io::pipe().unwrap();
    let (here, _there) = unix_pair();
    let result = socket::send_file(here.as_raw_fd(), reader.as_raw_fd(), 0, 1);
    assert!(matches!(number_of(result), Some(libc::EINVAL | libc::ESPIPE)));
}
