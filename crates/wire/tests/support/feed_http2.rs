//! Bytes of a client of HTTP/2 run through a connection in pieces: applications get the same requests wherever they are cut,
//! what the client gets are whole frames, and the connection ends with the client. A test and a fuzz target share this file.

use wire::Input;

use super::multiplexed::Multiplexed;
use super::{frames, settings};

/// Feeds an input behind the preface: whole, in pieces whose length is made of its sum, and byte by byte.
pub(crate) fn check(input: &[u8]) {
    let length = input.iter().fold(0, |sum, byte| (sum + usize::from(*byte)) % 32) + 1;
    for length in [length, input.len().max(1), 1] {
        run(input, length);
    }
}

/// Feeds an input in pieces of a length.
fn run(input: &[u8], length: usize) {
    let mut driver = Multiplexed::connect(settings());
    driver.answer = if input.len().is_multiple_of(4) { None } else { Some(input.len() % 3 * 700) };
    for piece in input.chunks(length) {
        driver.receive(piece);
        if driver.is_closed {
            break;
        }
    }
    let frames = driver.frames();
    assert!(frames.iter().all(|frame| frame.payload.len() <= 16_384), "a frame is too long");
    let last = frames.iter().rev().find(|frame| frame.kind == frames::GOAWAY).map(frames::Frame::code);
    assert!(
        driver.is_closed || last.is_none_or(|code| code == frames::NO_ERROR),
        "an error goes on: {last:?}"
    );
    if !driver.is_gone {
        driver.feed(Input::Eof);
    }
    driver.end_turn();
    // Whatever the client has sent, its connection ends.
    driver.pass(100, 0);
    assert!(driver.is_gone, "the end of the client ends the connection");
    driver.lose(false);
    driver.end_turn();
    assert!(driver.streams.is_empty(), "a stream outlives its connection");
}
