//! Lines that a thread writes, so that a descriptor that blocks delays no other thread.
//!
//! A pipe without a reader, a terminal stopped by ^S and a network file system block a write. O_NONBLOCK is no help: it
//! belongs to the open file, which other processes share, and has no effect on regular files. A thread may block. The
//! lines that it has not written yet are limited; lines beyond the limit, or that the kernel refuses (a full disk), are
//! lost and counted, and the next ones are tried again.
//!
//! Lines are written in pieces of at most `PIPE_BUF` bytes, which a pipe takes as a whole (pipe(7)), so that lines of
//! several processes don't mix. A regular file that is open for appending takes texts of any size as a whole. Another
//! file may be opened in the place of the first one (dup2), at any time.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::sys::descriptor::file_behind;
use crate::sys::process;

/// The most bytes that wait to be written: ten thousand lines of an access log, written while a reader is busy for a
/// second.
pub const WAITING_AT_MOST: usize = 1024 * 1024;

/// How soon a write is tried again if another process has made the open file non-blocking.
const AGAIN: Duration = Duration::from_millis(10);

/// The lines for one descriptor. The thread starts with the first line.
#[derive(Debug)]
pub struct Lines {
    shared: Arc<Shared>,
}

/// The state of the writer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// The number of lines lost so far.
    pub lost: u64,
    /// The number of bytes that wait or are being written.
    pub waiting: usize,
    /// The error number of the last write; 0 if it succeeded.
    pub errno: i32,
}

#[derive(Debug)]
struct Shared {
    fd: RawFd,
    /// The most bytes of several lines in one write.
    piece_at_most: usize,
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pieces: VecDeque<Vec<u8>>,
    progress: Progress,
    has_thread: bool,
    is_closed: bool,
}

impl Lines {
    /// Creates the lines for this descriptor, which is not closed by them.
    #[must_use]
    pub fn new(fd: RawFd) -> Self {
        let state = Mutex::new(State::default());
        let piece_at_most = if process::is_regular(fd) { usize::MAX } else { libc::PIPE_BUF };
        Self { shared: Arc::new(Shared { fd, piece_at_most, state, news: Condvar::new() }) }
    }

    /// Queues lines, each with its line feed. They are lost if the queue is full.
    pub fn write(&self, text: &[u8]) {
        let mut state = self.shared.lock();
        let fits = state.progress.waiting == 0 || state.progress.waiting + text.len() <= WAITING_AT_MOST;
        if state.is_closed || !fits || !self.has_thread(&mut state) {
            state.progress.lost += count(text);
            return;
        }
        state.progress.waiting += text.len();
        split(text, self.shared.piece_at_most, |piece| state.pieces.push_back(piece.to_vec()));
        drop(state);
        self.shared.news.notify_one();
    }

    /// Returns the state of the writer.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.shared.lock().progress
    }

    fn has_thread(&self, state: &mut State) -> bool {
        if !state.has_thread {
            let shared = Arc::clone(&self.shared);
            let started = thread::Builder::new().name("vitok log".to_owned()).spawn(move || shared.run());
            state.has_thread = started.is_ok();
        }
        state.has_thread
    }
}

impl Drop for Lines {
    /// The thread still writes what is queued, unless the process ends before.
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.news.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of others runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        process::block_signals();
        let mut torn = None;
        while let Some(piece) = self.next() {
            let outcome = self.send(&piece, &mut torn);
            let mut state = self.lock();
            state.progress.waiting -= piece.len();
            state.progress.errno = 0;
            if let Err((error, lost)) = outcome {
                state.progress.errno = error.raw_os_error().unwrap_or(libc::EIO);
                state.progress.lost += lost;
            }
        }
    }

    /// Returns the next piece, or None at the end.
    fn next(&self) -> Option<Vec<u8>> {
        let mut state = self.lock();
        loop {
            if let Some(piece) = state.pieces.pop_front() {
                return Some(piece);
            }
            if state.is_closed {
                return None;
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes a piece, or returns the error and how many of its lines are lost.
    ///
    /// `torn` is the file in which a line was written in part, so that the next piece needs an end of line before it.
    fn send(&self, piece: &[u8], torn: &mut Option<(u64, u64)>) -> Result<(), (io::Error, u64)> {
        if torn.is_some() && *torn == file_behind(self.fd) {
            self.send_all(b"\n").map_err(|(error, _)| (error, count(piece)))?;
        }
        *torn = None;
        self.send_all(piece).map_err(|(error, written)| {
            if written > 0 && piece[written - 1] != b'\n' {
                *torn = file_behind(self.fd);
            }
            (error, count(&piece[written..]))
        })
    }

    /// Writes all of it, or returns the error and how much was written.
    fn send_all(&self, bytes: &[u8]) -> Result<(), (io::Error, usize)> {
        let mut written = 0;
        while written < bytes.len() {
            match process::write(self.fd, &bytes[written..]) {
                Ok(0) => return Err((io::Error::from_raw_os_error(libc::EIO), written)),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(AGAIN),
                Err(error) => return Err((error, written)),
            }
        }
        Ok(())
    }
}

/// Counts the lines of a text, including one without its end.
fn count(text: &[u8]) -> u64 {
    let ends = text.iter().filter(|byte| **byte == b'\n').count();
    let begun = text.last().is_some_and(|byte| *byte != b'\n');
    ends as u64 + u64::from(begun)
}

/// Splits a text into pieces of whole lines, as many together as have at most so many bytes. A longer line is a piece
/// of its own.
fn split(text: &[u8], at_most: usize, mut take: impl FnMut(&[u8])) {
    let mut rest = text;
    while rest.len() > at_most {
        let last = rest[..at_most].iter().rposition(|byte| *byte == b'\n');
        let end =
            last.or_else(|| rest.iter().position(|byte| *byte == b'\n')).map_or(rest.len(), |at| at + 1);
        take(&rest[..end]);
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        take(rest);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::time::{Duration, Instant};

    use super::{Lines, Progress, WAITING_AT_MOST, count, split};

    fn wait(lines: &Lines, until: impl Fn(Progress) -> bool) {
        let began = Instant::now();
        while !until(lines.progress()) {
            assert!(began.elapsed() < Duration::from_secs(20), "{:?}", lines.progress());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn lines_arrive_in_order_and_none_is_lost() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let lines = Lines::new(writer.as_raw_fd());
        let text: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
        for part in text.as_bytes().chunks(text.len() / 7) {
            lines.write(part);
        }
        let mut found = vec![0; text.len()];
        reader.read_exact(&mut found).unwrap();
        assert_eq!(found, text.as_bytes());
        wait(&lines, |progress| progress.waiting == 0);
        assert_eq!(lines.progress(), Progress::default());
    }

    #[test]
    fn a_pipe_that_nobody_reads_keeps_nobody_waiting_and_what_is_lost_is_counted() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let lines = Lines::new(writer.as_raw_fd());
        let block = "0123456789abcde\n".repeat(4096);
        let mut sent = 0;
        while lines.progress().lost == 0 {
            lines.write(block.as_bytes());
            sent += 4096;
        }
        assert!(lines.progress().waiting <= WAITING_AT_MOST);
        assert_eq!(lines.progress().lost, 4096);
        let mut found = vec![0; (sent - 4096) * 16];
        reader.read_exact(&mut found).unwrap();
        wait(&lines, |progress| progress.waiting == 0);
        lines.write(b"again\n");
        let mut last = [0; 6];
        reader.read_exact(&mut last).unwrap();
        assert_eq!(&last, b"again\n");
    }

    #[test]
    fn what_the_kernel_refuses_is_lost_and_the_next_is_tried() {
        let (reader, writer) = std::io::pipe().unwrap();
        let lines = Lines::new(writer.as_raw_fd());
        drop(reader);
        for round in 1..=3 {
            lines.write(b"one\ntwo\n");
            wait(&lines, |progress| progress.lost == 2 * round);
            assert_eq!(lines.progress().errno, libc::EPIPE);
        }
    }

    #[test]
    fn a_full_disk() {
        let Ok(full) = File::options().write(true).open("/dev/full") else { return };
        let lines = Lines::new(full.as_raw_fd());
        lines.write(b"one\n");
        wait(&lines, |progress| progress.lost == 1);
        assert_eq!(lines.progress().errno, libc::ENOSPC);
    }

    #[test]
    fn a_file_takes_a_text_as_a_whole() {
        let path = std::env::temp_dir().join(format!("vitok-lines-{}", std::process::id()));
        let file = File::options().append(true).create(true).open(&path).unwrap();
        let lines = Lines::new(file.as_raw_fd());
        assert_eq!(lines.shared.piece_at_most, usize::MAX);
        let text = "a line\n".repeat(2 * libc::PIPE_BUF);
        lines.write(text.as_bytes());
        wait(&lines, |progress| progress.waiting == 0);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn pieces_are_whole_lines_that_a_pipe_takes_at_once() {
        let long = "x".repeat(2 * libc::PIPE_BUF) + "\n";
        let text = "short\n".repeat(libc::PIPE_BUF) + &long + &long + "end\n";
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        split(text.as_bytes(), libc::PIPE_BUF, |piece| pieces.push(piece.to_vec()));
        assert_eq!(pieces.concat(), text.as_bytes());
        for piece in &pieces {
            assert!(piece.ends_with(b"\n"));
            assert!(piece.len() <= libc::PIPE_BUF || piece == long.as_bytes());
        }
        assert_eq!(pieces.iter().map(|piece| count(piece)).sum::<u64>(), count(text.as_bytes()));
    }

    #[test]
    fn what_is_written_when_it_is_dropped_still_arrives() {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"first\n").unwrap();
        let lines = Lines::new(writer.as_raw_fd());
        lines.write(b"second\n");
        drop(lines);
        let mut found = [0; 13];
        reader.read_exact(&mut found).unwrap();
        assert_eq!(&found, b"first\nsecond\n");
    }
}
