//! Reads or sends the same message many times, and prints the time of one:
//!
//! `cargo run --release -p vitok-websocket --example messages -- binary 256 1000000`. The first argument is `binary`,
//! `text`, `umlauts`, `inflate` (with the client's context), `deflate` (sending), `unmask` (copying the payload alone) or `in-place`.
//! The instructions of one are the difference of two runs under `valgrind --tool=callgrind`.

#![expect(clippy::print_stdout, reason = "it prints a measurement")]

use std::hint::black_box;
use std::time::Instant;

use flate2::{Compress, Compression, FlushCompress};
use websocket::{
    Agreed, DeflateSettings, Event, Handshake, Kind, Limits, Payload, Receiver, Sender, Workspace,
};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const LIMITS: Limits = Limits { frame_bytes: 1 << 24, message_bytes: 1 << 24 };
const SETTINGS: DeflateSettings = DeflateSettings { window_bits: 12, at_least: 0, level: 6 };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, size, rounds] = &arguments[..] else { panic!("what, size and rounds") };
    let size = size.parse().unwrap_or(256);
    let rounds = rounds.parse().unwrap_or(1_000_000);
    let started = Instant::now();
    match &what[..] {
        "binary" => receive(&frame(0x82, &vec![7; size]), rounds),
        "text" => receive(&frame(0x81, &vec![b'a'; size]), rounds),
        "umlauts" => receive(&frame(0x81, "ä".repeat(size / 2).as_bytes()), rounds),
        "inflate" => receive(&frame(0xc1, &deflated(&words(size))), rounds),
        "deflate" => send(&words(size), rounds),
        "unmask" => unmask(&vec![7; size], rounds),
        "in-place" => unmask_in_place(&mut vec![7; size], rounds),
        other => panic!("{other} is none of the measurements"),
    }
    let nanoseconds = started.elapsed().as_nanos() / rounds;
    println!("{what} {size}: {nanoseconds} ns");
}

/// Receives the frame, copies its payload to where an application has it, and answers.
fn receive(frame: &[u8], rounds: u128) {
    let workspace = Workspace::default();
    let mut receiver = Receiver::new(agreed());
    let mut copy = vec![0; 1 << 20];
    for _ in 0..rounds {
        let mut input = black_box(frame);
        while let Ok(event) = receiver.receive(&mut input, &LIMITS, &workspace) {
            let Event::Message { payload, .. } = event else { break };
            payload.copy_to(&mut copy[..payload.len()]);
            black_box(&copy);
        }
    }
}

fn send(data: &[u8], rounds: u128) {
    let (workspace, mut sender, mut out) = (Workspace::default(), Sender::new(agreed()), Vec::new());
    for _ in 0..rounds {
        out.clear();
        black_box(sender.message(Kind::Text, black_box(data), Some(&SETTINGS), &workspace, &mut out));
    }
    println!("{} bytes from {}", out.len(), data.len());
}

fn unmask(data: &[u8], rounds: u128) {
    let mut copy = vec![0; data.len()];
    for _ in 0..rounds {
        Payload::Masked { bytes: black_box(data), mask: black_box(MASK) }.copy_to(&mut copy);
        black_box(&copy);
    }
}

fn unmask_in_place(data: &mut [u8], rounds: u128) {
    for _ in 0..rounds {
        websocket::unmask(black_box(data), black_box(MASK));
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    if let Ok(short @ 0..126) = u8::try_from(payload.len()) {
        frame.push(0x80 | short);
    } else if let Ok(length) = u16::try_from(payload.len()) {
        frame.push(0x80 | 126);
        frame.extend(length.to_be_bytes());
    } else {
        frame.push(0x80 | 127);
        frame.extend((payload.len() as u64).to_be_bytes());
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// Text that compresses about as well as JSON does.
fn words(size: usize) -> Vec<u8> {
    let objects = (0_u32..).map(|number| {
        format!(
            "{{\"id\": {number}, \"name\": \"item {}\", \"price\": {}}}, ",
            number % 7,
            number * 37 % 1000
        )
    });
    let mut text = Vec::new();
    objects
        .take_while(|object| {
            text.extend_from_slice(object.as_bytes());
            text.len() < size
        })
        .count();
    text.truncate(size);
    text
}

fn deflated(data: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(data.len() * 2 + 64);
    let mut compress = Compress::new_with_window_bits(Compression::new(6), false, 12);
    let result = compress.compress_vec(data, &mut payload, FlushCompress::Sync);
    assert!(result.is_ok() && payload.ends_with(&[0, 0, 0xff, 0xff]));
    payload.truncate(payload.len() - 4);
    payload
}

fn agreed() -> Option<Agreed> {
    let fields = [
        (&b"connection"[..], &b"upgrade"[..]),
        (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits"),
    ];
    Handshake::read(b"GET", true, fields.into_iter(), Some(&SETTINGS)).ok()?.agreed()
}
