//! Attacks with streams that are reset: requests that cost the server an application and the client nothing.

use crate::support::frames::{self, ENHANCE_YOUR_CALM, STREAM_CLOSED};
use crate::support::multiplexed::Multiplexed;
use crate::support::settings;

/// What a client sends for one stream.
type Attack = fn(u32) -> Vec<u8>;

/// Runs an attack, a stream in each turn or all at once. Returns the number of applications that were started, and why
/// the connection has ended.
fn attack(streams: u32, attack: Attack, at_once: bool) -> (usize, Option<u32>) {
    let mut driver = Multiplexed::connect(settings());
    driver.answer = None;
    let streams = (0..streams).map(|number| attack(number * 2 + 1));
    if at_once {
        driver.receive(&streams.collect::<Vec<_>>().concat());
    } else {
        streams.for_each(|frames| driver.receive(&frames));
    }
    assert!(driver.is_closed, "the connection goes on");
    (driver.started, driver.go_away())
}

fn rapid_reset(stream: u32) -> Vec<u8> {
    [frames::get(stream, "/"), frames::reset(stream, frames::CANCEL)].concat()
}

/// CVE-2023-44487, "Rapid Reset".
#[test]
fn rapid_resets() {
    let limit = settings().http2.flood.resets as usize;
    let (started, code) = attack(1000, rapid_reset, false);
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    assert!(started <= limit + 1, "{started}");
    let (started, code) = attack(1000, rapid_reset, true);
    assert_eq!((started, code), (0, Some(ENHANCE_YOUR_CALM)));
}

/// A stream that is reset before anybody has seen it costs no application.
#[test]
fn a_request_that_was_cancelled_is_not_started() {
    let mut driver = Multiplexed::connect(settings());
    driver.receive(&[rapid_reset(1), frames::get(3, "/")].concat());
    assert_eq!((driver.started, driver.streams.len()), (1, 0));
    assert_eq!(driver.frames().iter().find_map(frames::Frame::status), Some(200));
}

/// A client may cancel what it does not need, as often as it gets answers.
#[test]
fn a_client_that_cancels_is_served() {
    let mut driver =
        Multiplexed::connect(wire::Settings { head_time: None, keep_alive_time: None, ..settings() });
    let (limit, interval) = (settings().http2.flood.resets, settings().http2.flood.interval);
    let mut stream = 1;
    for _ in 0..5 {
        driver.pass(interval.0 - 1, 0);
        driver.pass(1, 0);
        for _ in 0..limit {
            driver.receive(&rapid_reset(stream));
            assert!(!driver.is_closed);
            stream += 2;
        }
    }
    driver.receive(&frames::get(stream, "/"));
    assert_eq!(driver.frames().iter().find_map(frames::Frame::status), Some(200));
}

/// CVE-2019-9514, "Reset Flood", and CVE-2025-8671, "MadeYouReset": the server is made to reset streams.
#[test]
fn resets_that_the_client_provokes() {
    let attacks: [(&str, Attack); 6] = [
        ("an invalid head", |stream| frames::headers(stream, &[(":method", "GET")], true)),
        ("a window of no bytes", |stream| [frames::get(stream, "/"), frames::window(stream, 0)].concat()),
        ("a window that overflows", |stream| {
            [frames::get(stream, "/"), frames::window(stream, u32::MAX >> 1)].concat()
        }),
        ("content after the end", |stream| {
            [frames::get(stream, "/"), frames::data(stream, b"more", false)].concat()
        }),
        ("a head after the end", |stream| [frames::get(stream, "/"), frames::get(stream, "/")].concat()),
        ("a stream that waits for itself", |stream| {
            let payload = [&stream.to_be_bytes()[..], &[16]].concat();
            [frames::get(stream, "/"), frames::frame(frames::PRIORITY, 0, stream, &payload)].concat()
        }),
    ];
    let limit = settings().http2.flood.resets as usize;
    for (name, frames) in attacks {
        for at_once in [false, true] {
            let (started, code) = attack(1000, frames, at_once);
            // Some of this ends the connection at once.
            assert!(
                matches!(code, Some(ENHANCE_YOUR_CALM | frames::PROTOCOL_ERROR | STREAM_CLOSED)),
                "{name}: {code:?}"
            );
            assert!(started <= limit + 2, "{name}: {started}");
        }
    }
}

/// Streams beyond those that may be open are refused, and a client that goes on with them is told to calm down.
#[test]
fn streams_beyond_the_limit() {
    let (started, code) = attack(1000, |stream| frames::get(stream, "/"), false);
    assert_eq!((started, code), (settings().http2.streams as usize, Some(ENHANCE_YOUR_CALM)));
}
