//! Published attacks with frames that bring nothing. Each of them ends the connection with `ENHANCE_YOUR_CALM` after as many
//! frames as the settings allow, and a client that sends as many all the time is served.

use crate::support::frames::{self, ENHANCE_YOUR_CALM};
use crate::support::multiplexed::Multiplexed;
use crate::support::settings;

/// Sends frames until the connection ends. Returns how many were taken, and why it ended.
fn flood(driver: &mut Multiplexed, frame: impl Fn(u32) -> Vec<u8>) -> (u32, Option<u32>) {
    let mut code = None;
    for number in 0..100_000 {
        driver.receive(&frame(number));
        code = code.or(driver.go_away());
        if driver.is_closed {
            return (number, code);
        }
    }
    panic!("the connection goes on");
}

/// Checks that a connection takes so many frames and ends with the next one, and that it takes them in each interval.
fn check(limit: u32, frame: impl Fn(u32) -> Vec<u8>) {
    let mut driver = Multiplexed::connect(settings());
    let interval = driver.settings.http2.flood.interval;
    assert_eq!(flood(&mut driver, &frame), (limit, Some(ENHANCE_YOUR_CALM)));
    assert_eq!(driver.started, 0);

    let mut settings = settings();
    settings.head_time = None;
    let mut driver = Multiplexed::connect(settings);
    for number in 0..limit * 3 {
        if number % limit == 0 {
            driver.pass(interval.0, 0);
        }
        driver.receive(&frame(number));
        assert_eq!(driver.go_away(), None);
    }
    driver.receive(&frames::get(1, "/"));
    assert_eq!(driver.frames().iter().find_map(frames::Frame::status), Some(200));
}

/// CVE-2019-9512, "Ping Flood".
#[test]
fn pings() {
    check(settings().http2.flood.pings, |_| frames::ping());
    check(settings().http2.flood.pings, |_| frames::frame(frames::PING, frames::ACK, 0, b"12345678"));
}

/// CVE-2019-9515, "Settings Flood". The client's first ones and its acknowledgement count.
#[test]
fn settings_of_the_client() {
    check_settings(|_| frames::settings(&[]));
    check_settings(|number| frames::settings(&[(frames::INITIAL_WINDOW_SIZE, number)]));
    // Each of these frames has as many values as fit.
    let values: Vec<(u16, u32)> = (0..2730).map(|number| (frames::INITIAL_WINDOW_SIZE, number)).collect();
    check_settings(|_| frames::settings(&values));
}

fn check_settings(frame: impl Fn(u32) -> Vec<u8>) {
    let mut driver = Multiplexed::connect(settings());
    let limit = driver.settings.http2.flood.settings;
    assert_eq!(flood(&mut driver, frame), (limit - 2, Some(ENHANCE_YOUR_CALM)));
}

/// CVE-2019-9513, "Resource Loop": the tree of priorities that RFC 9113 section 5.3 has given up is changed all the time.
#[test]
fn priorities() {
    let limit = settings().http2.flood.priorities;
    check(limit, |number| frames::frame(frames::PRIORITY, 0, number * 2 + 1, &[0, 0, 0, 0, 16]));
    check(limit, |number| {
        let payload = [&(number * 2 + 1).to_be_bytes(), &b"u=1, i"[..]].concat();
        frames::frame(frames::PRIORITY_UPDATE, 0, 0, &payload)
    });
}

/// Windows that are opened by a byte each.
#[test]
fn windows() {
    check(settings().http2.flood.window_updates, |_| frames::window(0, 1));
}

/// CVE-2019-9511, "Data Dribble": one byte of a response is asked for at a time.
#[test]
fn windows_of_one_byte() {
    let mut driver = Multiplexed::new(settings());
    driver.answer = Some(10_000);
    let preface = [frames::PREFACE, &frames::settings(&[(frames::INITIAL_WINDOW_SIZE, 0)])].concat();
    driver.receive(&preface);
    driver.receive(&frames::get(1, "/"));
    let mut content = 0;
    let mut taken = 0;
    while !driver.is_closed {
        driver.receive(&frames::window(1, 1));
        let frames = driver.frames();
        content += frames
            .iter()
            .filter(|frame| frame.kind == frames::DATA)
            .map(|frame| frame.payload.len())
            .sum::<usize>();
        taken += 1;
        assert!(taken < 10_000, "the connection goes on");
    }
    assert!(content <= 300, "{content}");
}

/// CVE-2019-9518, "Empty Frames Flood".
#[test]
fn empty_frames() {
    let limit = settings().http2.flood.empty_frames;
    let mut driver = Multiplexed::connect(settings());
    driver.answer = None;
    driver.receive(&frames::post(1, "/"));
    driver.frames();
    assert_eq!(flood(&mut driver, |_| frames::data(1, b"", false)), (limit, Some(ENHANCE_YOUR_CALM)));

    let mut driver = Multiplexed::connect(settings());
    let padded = |_| frames::frame(frames::DATA, frames::PADDED, 1, &[5, 0, 0, 0, 0, 0]);
    driver.answer = None;
    driver.receive(&frames::post(1, "/"));
    driver.frames();
    let (taken, code) = flood(&mut driver, padded);
    assert!(taken <= 100 && code == Some(ENHANCE_YOUR_CALM), "{taken} {code:?}");
}

/// Frames that nobody knows, and the announcement of an end that does not come.
#[test]
fn unknown_frames() {
    let limit = settings().http2.flood.unknown_frames;
    check(limit, |number| frames::frame(0xf0, 0, number, &[0; 1000]));
    let mut driver = Multiplexed::connect(settings());
    assert!(flood(&mut driver, |_| frames::go_away(0, 0)).0 <= limit);
}

/// CVE-2024-27316 and others, "CONTINUATION Flood".
#[test]
fn continuations() {
    let limit = settings().http2.flood.continuations;
    for block in [&frames::block(&[("x", "y")])[..], b""] {
        let mut driver = Multiplexed::connect(settings());
        driver.receive(&frames::frame(
            frames::HEADERS,
            frames::END_STREAM,
            1,
            &frames::block(&frames::fields("GET", "/")),
        ));
        let (taken, code) = flood(&mut driver, |_| frames::frame(frames::CONTINUATION, 0, 1, block));
        assert_eq!((taken, code, driver.started), (limit, Some(ENHANCE_YOUR_CALM), 0));
    }
}
