//! Attacks on the memory of a server: what a client sends in a few bytes, or makes the server keep, is bounded.

use allocation_counter::measure;

use crate::support::frames::{self, COMPRESSION_ERROR, ENHANCE_YOUR_CALM, PROTOCOL_ERROR};
use crate::support::multiplexed::Multiplexed;
use crate::support::settings;
use wire::{Input, Ticks};

/// Runs an attack, and returns the bytes that it makes the machine and its driver hold at most.
fn held(driver: &mut Multiplexed, attack: impl FnOnce(&mut Multiplexed)) -> u64 {
    measure(|| attack(driver)).bytes_max
}

/// A head that refers to a large field as often as it can (CVE-2016-6581, "HPACK Bomb").
#[test]
fn fields_that_are_large_once_unpacked() {
    let mut driver = Multiplexed::connect(settings());
    driver.answer = None;
    // A literal that is added to the table, of nearly its size, and references to it.
    let value = "v".repeat(3900);
    let mut bomb = frames::block(&frames::fields("GET", "/"));
    let mut literal = frames::block(&[("x", &value)]);
    literal[0] = 0x40;
    bomb.extend(literal);
    bomb.extend(vec![0x80 | 62; 10_000]);
    let frame = frames::frame(frames::HEADERS, frames::END_HEADERS | frames::END_STREAM, 1, &bomb);
    let held = held(&mut driver, |driver| driver.receive(&frame));
    assert!(held < 200_000, "{held}");
    assert_eq!(driver.started, 0);
    assert_eq!(driver.go_away(), Some(ENHANCE_YOUR_CALM));
}

/// CVE-2019-9516, "0-Length Headers Leak".
#[test]
fn fields_without_a_name() {
    let mut driver = Multiplexed::connect(settings());
    driver.answer = None;
    let mut fields = frames::fields("GET", "/");
    fields.extend(vec![("", ""); 1000]);
    let held = held(&mut driver, |driver| {
        for stream in 0..50 {
            driver.receive(&frames::headers(stream * 2 + 1, &fields, true));
            driver.frames();
        }
    });
    assert_eq!(driver.started, 0);
    assert!(held < 300_000, "{held}");
}

/// A head that never ends, in frames as large as they may be (CVE-2024-28182 and others, "CONTINUATION Flood").
#[test]
fn heads_without_an_end() {
    let mut driver = Multiplexed::connect(settings());
    let field = frames::block(&[("x-field", &"v".repeat(100))]);
    let block = field.repeat(16_000 / field.len());
    let held = held(&mut driver, |driver| {
        driver.receive(&frames::frame(frames::HEADERS, 0, 1, &frames::block(&frames::fields("GET", "/"))));
        for _ in 0..1000 {
            driver.receive(&frames::frame(frames::CONTINUATION, 0, 1, &block));
        }
    });
    assert!(driver.is_closed && driver.started == 0);
    assert!(held < 300_000, "{held}");
    let code = driver.go_away();
    assert!(matches!(code, Some(ENHANCE_YOUR_CALM | COMPRESSION_ERROR | PROTOCOL_ERROR)), "{code:?}");
}

/// Answers to a client that does not read them wait no longer than until its input is not read any more: pings, settings
/// and refused streams (CVE-2019-9512, CVE-2019-9514, CVE-2019-9515).
#[test]
fn answers_that_nobody_reads() {
    for frame in [frames::ping(), frames::settings(&[])] {
        let mut settings = settings();
        (settings.http2.flood.pings, settings.http2.flood.settings) = (u32::MAX, u32::MAX);
        let mut driver = Multiplexed::connect(settings);
        driver.feed(Input::Full);
        driver.frames();
        let input = frame.repeat(100);
        let held = held(&mut driver, |driver| {
            for _ in 0..1000 {
                if !driver.reads_paused {
                    driver.receive(&input);
                }
            }
        });
        assert!(driver.reads_paused);
        assert!(driver.written.is_empty());
        assert!(held < 500_000, "{held}");
        // Its time is limited.
        driver.pass(20, 1000);
        assert!(driver.is_aborted);
    }
}

/// CVE-2019-9517, "Internal Data Buffering": large windows, and a client that does not read.
#[test]
fn responses_that_nobody_reads() {
    let mut driver = Multiplexed::new(settings());
    let open = frames::settings(&[(frames::INITIAL_WINDOW_SIZE, u32::MAX >> 1)]);
    driver.receive(&[frames::PREFACE, &open, &frames::window(0, (u32::MAX >> 1) - 65_535)].concat());
    driver.answer = Some(5000);
    driver.feed(Input::Full);
    driver.frames();
    let held = held(&mut driver, |driver| {
        for stream in 0..10_000 {
            if !driver.reads_paused && !driver.is_closed {
                driver.receive(&frames::get(stream * 2 + 1, "/"));
            }
        }
    });
    // As many streams as may be open wait with their answers.
    assert!(driver.written.is_empty());
    assert!(held < 10 * 5000 + 500_000, "{held}");
    driver.pass(20, 1000);
    assert!(driver.is_aborted);
    assert_eq!(driver.streams.len(), 0);
}

/// Settings of any values cost no memory.
#[test]
fn settings_of_any_size() {
    let mut driver = Multiplexed::connect(settings());
    let held = held(&mut driver, |driver| {
        for name in 1..9 {
            for value in [0, u32::MAX >> 1, u32::MAX] {
                driver.receive(&frames::settings(&[(name, value)]));
                driver.receive(&frames::get(u32::from(name) * 2 + 1, "/"));
            }
        }
    });
    assert!(held < 100_000, "{held}");
}

/// A client that says nothing, or not enough, has the time of a head.
#[test]
fn a_preface_or_a_request_that_does_not_come() {
    let cut = frames::get(1, "/");
    let begun = [frames::PREFACE, &frames::settings(&[])].concat();
    let sent: [&[u8]; 5] =
        [b"", &frames::PREFACE[..20], frames::PREFACE, &begun, &[&begun, &cut[..20]].concat()];
    for bytes in sent {
        let mut driver = Multiplexed::new(settings());
        driver.receive(bytes);
        let Ticks(time) = driver.settings.head_time.unwrap_or_default();
        driver.pass(time - 1, 0);
        assert!(!driver.is_closed);
        driver.pass(12, 0);
        assert!(driver.is_closed, "{} bytes", bytes.len());
    }
}
/// Windows that are closed: what waits for them is bounded, and so is the time.
#[test]
fn windows_that_stay_closed() {
    let mut driver = Multiplexed::new(settings());
    driver.answer = Some(5000);
    driver.receive(&[frames::PREFACE, &frames::settings(&[(frames::INITIAL_WINDOW_SIZE, 0)])].concat());
    for stream in 0..10 {
        driver.receive(&frames::get(stream * 2 + 1, "/"));
    }
    driver.pass(40, 0);
    assert!(driver.is_closed, "nothing was read of any response");
    assert_eq!(driver.streams.len(), 0);
}
