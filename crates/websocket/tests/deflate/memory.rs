//! The memory of a connection, counted by the allocator: idle, after traffic, and with a bomb.

use allocation_counter::{AllocationInfo, measure};
use websocket::{Agreed, DeflateSettings, Kind, Limits, Receiver, Sender, Workspace};

use crate::peer::{Deflater, deflated};
use crate::support::{BINARY, CONTINUATION, Connection, FIN, PING, RSV1, Seen, TEXT, agreed, frame};
use crate::{OWN, SHARED};

/// Gives the reads to a receiver and drops what it reports.
fn feed(receiver: &mut Receiver, workspace: &Workspace, limits: Limits, mut input: &[u8]) {
    while let Ok(event) = receiver.receive(&mut input, &limits, workspace) {
        if Seen::of(&event).is_none() {
            break;
        }
    }
}

/// Counts what a connection allocates and keeps. The workspace has everything that is made once.
fn of_connection(agreed: Option<Agreed>, reads: &[Vec<u8>]) -> AllocationInfo {
    let workspace = Workspace::default();
    let serve = || {
        let mut receiver = Receiver::new(agreed);
        reads.iter().for_each(|read| feed(&mut receiver, &workspace, Limits::UNLIMITED, read));
        receiver
    };
    drop(serve());
    let mut kept = None;
    let info = measure(|| kept = Some(serve()));
    drop(kept);
    info
}

#[test]
fn an_idle_connection_keeps_nothing() {
    let text = frame(TEXT, "größer".repeat(1000).as_bytes());
    let reads = [
        text[..100].to_vec(),
        text[100..].to_vec(),
        frame(PING, b"data"),
        frame(BINARY - FIN, &[1; 5000]),
        frame(CONTINUATION, &[2; 500_000]),
    ];
    for agreed in [None, Some(agreed(SHARED)), Some(agreed(OWN))] {
        assert_eq!(of_connection(agreed, &reads).bytes_current, 0);
    }
    assert!(size_of::<Receiver>() + size_of::<Sender>() <= 100);
}

#[test]
fn messages_in_one_read_allocate_nothing() {
    let workspace = Workspace::default();
    let mut receiver = Receiver::new(Some(agreed(SHARED)));
    let reads = [
        frame(TEXT, &[b'a'; 16_000]),
        frame(BINARY, &[1; 256]),
        frame(TEXT, "größer".repeat(1000).as_bytes()),
        frame(TEXT | RSV1, &deflated("kleiner ".repeat(1000).as_bytes())),
    ];
    let mut serve = || {
        for read in &reads {
            let mut input = &read[..];
            while !input.is_empty() {
                assert!(receiver.receive(&mut input, &Limits::UNLIMITED, &workspace).is_ok());
            }
        }
    };
    serve();
    assert_eq!(measure(serve).count_total, 0);
}

#[test]
fn a_context_costs_what_the_documentation_says() {
    let mut deflater = Deflater::new(12);
    let texts = (0..20).map(|number| format!("message {number} ").repeat(500));
    let reads: Vec<_> = texts.map(|text| frame(TEXT | RSV1, &deflater.message(text.as_bytes()))).collect();
    let info = of_connection(Some(agreed(OWN)), &reads);
    assert!(info.bytes_current <= 4200, "{} bytes", info.bytes_current);
    // Without one, nothing is kept.
    let reads: Vec<_> = (0..3).map(|_| frame(TEXT | RSV1, &deflated(&[b'a'; 5000]))).collect();
    assert_eq!(of_connection(Some(agreed(SHARED)), &reads).bytes_current, 0);
}

#[test]
fn a_workspace_costs_what_the_documentation_says() {
    let settings = DeflateSettings { window_bits: 12, at_least: 0, level: 6 };
    let (workspace, text, mut out) = (Workspace::default(), [b'a'; 60_000], Vec::with_capacity(60_000));
    let agreed = Some(agreed(OWN));
    let mut sender = Sender::new(agreed);
    let compressor = measure(|| {
        assert!(sender.message(Kind::Text, &text, Some(&settings), &workspace, &mut out));
    });
    assert!((200_000..=266_000).contains(&compressor.bytes_current), "{} bytes", compressor.bytes_current);
    let read = frame(TEXT | RSV1, &deflated(&text));
    let mut receiver = Receiver::new(agreed);
    let inflater = measure(|| feed(&mut receiver, &workspace, Limits::UNLIMITED, &read));
    let of_receiver = 4096;
    // The buffer for messages is at most 64 KiB.
    let most = 48_000 + 65_536 + of_receiver;
    assert!((40_000..=most).contains(&inflater.bytes_current), "{} bytes", inflater.bytes_current);
}

#[test]
fn a_message_is_released_before_the_next_call() {
    let long = "größer".repeat(100_000);
    let fragments = [frame(BINARY - FIN, &[1; 90_000]), frame(CONTINUATION, &[1; 90_000])].concat();
    for read in [frame(TEXT, long.as_bytes()), frame(TEXT | RSV1, &deflated(long.as_bytes())), fragments] {
        let workspace = Workspace::default();
        let mut receiver = Receiver::new(Some(agreed(SHARED)));
        let pings = [&read[..], &frame(PING, b"data")].concat();
        let info = measure(|| {
            let mut input = &pings[..];
            for _ in 0..2 {
                assert!(receiver.receive(&mut input, &Limits::UNLIMITED, &workspace).is_ok());
                receiver.release(&workspace);
                assert!(receiver.is_between_messages());
            }
        });
        // An inflater may be made, no more.
        assert!(info.bytes_current < 50_000, "{} bytes", info.bytes_current);
    }
    // Nothing of a message that has not ended is released.
    let mut connection = Connection::new(None);
    let text = frame(TEXT, "ä".repeat(100).as_bytes());
    for at in 0..text.len() {
        assert_eq!(connection.feed(&text[..at]), []);
        connection.receiver.release(&connection.workspace);
        assert_eq!(connection.feed(&text[at..]), [Seen::Text("ä".repeat(100))]);
        connection.receiver.release(&connection.workspace);
    }
}

#[test]
fn a_bomb_allocates_no_more_than_the_limit_and_a_buffer() {
    let bomb = frame(BINARY | RSV1, &deflated(&vec![0; 16 << 20]));
    let limits = Limits { frame_bytes: u64::MAX, message_bytes: 1 << 20 };
    for offer in [SHARED, OWN] {
        let agreed = Some(agreed(offer));
        for length in [bomb.len(), 1000, 1] {
            let info = measure(|| {
                let (mut receiver, workspace) = (Receiver::new(agreed), Workspace::default());
                bomb.chunks(length).for_each(|read| feed(&mut receiver, &workspace, limits, read));
            });
            // A buffer that grows is copied to one of twice its size, and the inflater has a window.
            assert!(info.bytes_max <= (1 << 20) * 3 / 2 + 150_000, "{} bytes", info.bytes_max);
            assert_eq!(info.bytes_current, 0);
        }
    }
}

#[test]
fn an_announcement_allocates_nothing() {
    let head = [BINARY, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4];
    for first in [BINARY, BINARY | RSV1] {
        let workspace = Workspace::default();
        let mut receiver = Receiver::new(Some(agreed(SHARED)));
        let read = [&[first], &head[1..], &[7; 100]].concat();
        let info = measure(|| feed(&mut receiver, &workspace, Limits::UNLIMITED, &read));
        assert!(info.bytes_max <= 8192, "{} bytes", info.bytes_max);
    }
}

#[test]
fn a_message_that_trickles_in_takes_twice_its_size() {
    let message = frame(BINARY, &vec![1; 1_000_000]);
    let workspace = Workspace::default();
    let mut receiver = Receiver::new(None);
    let info = measure(|| {
        let bytes = &message[..500_000];
        bytes.chunks(1000).for_each(|read| feed(&mut receiver, &workspace, Limits::UNLIMITED, read));
    });
    assert!(info.bytes_current <= 1_010_000, "{} bytes", info.bytes_current);
}
