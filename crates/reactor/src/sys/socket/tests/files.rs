//! Files: parts, ends, positions, and what cannot be sent.

use std::fs::File;
use std::io::{Seek, Write};

use super::*;

fn temporary(content: &[u8]) -> io::Result<File> {
    let path = env::temp_dir().join(format!("vitok-send-file-{}-{}", process::id(), content.len()));
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
    fs::remove_file(path)?;
    file.write_all(content)?;
    Ok(file)
}

#[test]
fn a_part_of_a_file_is_sent_wherever_the_file_stands() -> io::Result<()> {
    let mut file = temporary(b"some content")?;
    let (here, there) = UnixStream::pair()?;
    let number = file.as_raw_fd();
    assert_eq!(socket::send_file(there.as_raw_fd(), number, 5, 4)?, 4);
    assert_eq!(received(&here, 64)?, b"cont");
    assert_eq!(socket::send_file(there.as_raw_fd(), number, 5, u64::MAX)?, 7);
    assert_eq!(socket::send_file(there.as_raw_fd(), number, 12, 10)?, 0);
    assert_eq!(file.stream_position()?, 12);
    socket::set_position(number, 3)?;
    assert_eq!((file.stream_position()?, socket::file_size(number)?), (3, 12));
    Ok(())
}

#[test]
fn a_full_socket_and_a_pipe_are_errors() -> io::Result<()> {
    let file = temporary(&[7; 4_000_000])?;
    let (here, there) = UnixStream::pair()?;
    there.set_nonblocking(true)?;
    let error = loop {
        if let Err(error) = socket::send_file(there.as_raw_fd(), file.as_raw_fd(), 0, 4_000_000) {
            break error;
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    let refused = socket::send_file(there.as_raw_fd(), here.as_raw_fd(), 0, 1).map_err(|error| error.kind());
    assert!(refused.is_err());
    assert_eq!(
        socket::set_position(here.as_raw_fd(), 0).map_err(|error| error.raw_os_error()),
        Err(Some(libc::ESPIPE))
    );
    assert!(socket::file_size(-1).is_err());
    assert!(socket::set_position(file.as_raw_fd(), u64::MAX).is_err());
    Ok(())
}
