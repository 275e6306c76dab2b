//! How a signal reaches the loop: the interpreter's C handler writes the number of the signal into a pipe that is
//! watched.
//!
//! Handlers are installed and interpreted elsewhere. Both ends belong to the [`SignalPipe`] and are closed with it,
//! once. After a `fork()` parent and child share the pipe, so the child has to make its own.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsRawFd, RawFd};

use crate::sys;

/// A pipe for signal numbers. Neither end blocks, and neither is inherited by programs that are started.
///
/// It is a pipe and not a pair of sockets because it packs single bytes: it holds tens of thousands of them, where a
/// socket, which keeps each write in a buffer of its own, is full after some hundreds.
///
/// ```
/// let pipe = reactor::SignalPipe::new()?;
/// pipe.drain(|signal| panic!("nothing was written, so {signal} cannot be there"))?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct SignalPipe {
    reader: PipeReader,
    writer: PipeWriter,
}

/// How many numbers one call reads. Several signals at once are rare; a flood takes a few more calls.
const SIGNALS_PER_READ: usize = 256;

impl SignalPipe {
    /// Creates an empty pipe.
    ///
    /// # Errors
    ///
    /// The kernel's, if there are no more descriptors.
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        sys::descriptor::set_nonblocking(&reader)?;
        sys::descriptor::set_nonblocking(&writer)?;
        Ok(Self { reader, writer })
    }

    /// Returns the end to be watched.
    #[inline]
    #[must_use]
    pub fn read_fd(&self) -> RawFd {
        self.reader.as_raw_fd()
    }

    /// Returns the end for `signal.set_wakeup_fd`.
    #[inline]
    #[must_use]
    pub fn write_fd(&self) -> RawFd {
        self.writer.as_raw_fd()
    }

    /// Takes out the numbers written so far, one at a time and in order.
    ///
    /// # Errors
    ///
    /// The kernel's. An empty pipe is not an error.
    pub fn drain(&self, mut each: impl FnMut(u8)) -> io::Result<()> {
        let mut numbers = [0; SIGNALS_PER_READ];
        loop {
            match (&self.reader).read(&mut numbers) {
                Ok(0) => return Ok(()),
                Ok(count) => numbers.iter().take(count).copied().for_each(&mut each),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{SIGNALS_PER_READ, SignalPipe};

    fn drained(pipe: &SignalPipe) -> Vec<u8> {
        let mut numbers = Vec::new();
        pipe.drain(|number| numbers.push(number)).unwrap();
        numbers
    }

    #[test]
    fn numbers_come_out_once_and_in_order() {
        let pipe = SignalPipe::new().unwrap();
        (&pipe.writer).write_all(&[2, 15, 2]).unwrap();
        assert_eq!(drained(&pipe), [2, 15, 2]);
        assert_eq!(drained(&pipe), []);
    }

    #[test]
    fn a_flood_comes_out_whole() {
        let pipe = SignalPipe::new().unwrap();
        let flood: Vec<u8> = (1..=64).cycle().take(SIGNALS_PER_READ * 3 + 1).collect();
        for number in &flood {
            (&pipe.writer).write_all(std::slice::from_ref(number)).unwrap();
        }
        assert_eq!(drained(&pipe), flood);
    }

    #[test]
    fn a_full_pipe_refuses_instead_of_blocking() {
        let pipe = SignalPipe::new().unwrap();
        let refused = loop {
            if let Err(error) = (&pipe.writer).write(&[1; SIGNALS_PER_READ]) {
                break error;
            }
        };
        assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
    }
}
