//! How a connection ends that this side ends: the client reads everything, and then closes or is late.

use crate::support::frames::{self, ENHANCE_YOUR_CALM, NO_ERROR};
use crate::support::multiplexed::Multiplexed;
use crate::support::settings;
use wire::{HalfClose, Input, Shutdown};

/// A connection that has ended because of a flood.
fn flooded() -> Multiplexed {
    let mut driver = Multiplexed::connect(settings());
    driver.receive(&frames::ping().repeat(100));
    assert_eq!(driver.go_away(), Some(ENHANCE_YOUR_CALM));
    assert!(driver.is_closed && !driver.is_gone);
    driver
}

#[test]
fn input_after_the_end_is_dropped() {
    let mut driver = flooded();
    for _ in 0..1000 {
        driver.feed(Input::Bytes(&frames::get(1, "/").repeat(100)));
    }
    assert!(driver.written.is_empty() && driver.streams.is_empty() && !driver.reads_paused);
    driver.feed(Input::Eof);
    assert!(driver.is_gone && !driver.is_aborted);
}

#[test]
fn a_client_that_stays_is_closed() {
    let mut driver = flooded();
    let time = driver.settings.linger_time.0;
    driver.pass(time - 1, 0);
    assert!(!driver.is_gone);
    driver.pass(1, 0);
    assert!(driver.is_gone && !driver.is_aborted);
    driver.pass(time, 0);
    assert!(driver.is_aborted);
}

#[test]
fn a_client_that_reads_slowly_gets_everything() {
    let mut driver = flooded();
    let time = driver.settings.linger_time.0;
    for unsent in (1..20).rev() {
        driver.pass(time, unsent * 1000);
        assert!(!driver.is_gone);
    }
    driver.pass(time, 1000);
    assert!(driver.is_aborted, "it has read nothing for so long");
}

#[test]
fn a_transport_that_is_lost_or_has_one_side_only() {
    let mut driver = flooded();
    driver.feed(Input::WriteShutdown(HalfClose::Lost));
    assert!(driver.is_gone);
    let mut driver = flooded();
    driver.feed(Input::WriteShutdown(HalfClose::Unsupported));
    driver.pass(3, 0);
    assert!(!driver.is_gone);
    driver.feed(Input::Broken);
    driver.lose(false);
    driver.feed(Input::Eof);
    driver.feed(Input::Tick(0));
}

#[test]
fn a_client_whose_output_waits_is_not_cut_off_while_it_reads() {
    let mut driver = Multiplexed::connect(settings());
    driver.answer = Some(900);
    driver.receive(&frames::get(1, "/"));
    driver.feed(Input::Full);
    driver.feed(Input::Unsent(100_000));
    for unsent in (1..20).rev() {
        driver.pass(8, unsent * 1000);
        assert!(!driver.is_closed);
    }
    driver.pass(8, 1000);
    assert!(driver.is_aborted);
}

/// A client that sends nothing more gets `GOAWAY` without an error, as it does at the end of the server.
#[test]
fn an_idle_connection_ends_without_an_error() {
    let mut driver = Multiplexed::connect(settings());
    driver.receive(&frames::get(1, "/"));
    driver.frames();
    driver.pass(17, 0);
    assert_eq!(driver.go_away(), Some(NO_ERROR));
    assert!(driver.is_closed);
    let mut driver = Multiplexed::connect(settings());
    driver.receive(&frames::get(1, "/"));
    driver.frames();
    driver.shut_down(Shutdown::Graceful);
    assert_eq!(driver.go_away(), Some(NO_ERROR));
    assert!(driver.is_closed);
}

/// What ends a connection may come with its preface. The server's settings come first nevertheless.
#[test]
fn a_connection_that_ends_at_once() {
    let flood = [frames::PREFACE, &frames::settings(&[]), &frames::ping().repeat(100)].concat();
    for length in [flood.len(), 1, 20] {
        let mut driver = Multiplexed::new(settings());
        flood.chunks(length).for_each(|piece| driver.receive(piece));
        let frames = driver.frames();
        assert!(frames.first().is_some_and(|frame| frame.kind == frames::SETTINGS), "{frames:?}");
        assert!(frames.last().is_some_and(|frame| frame.code() == ENHANCE_YOUR_CALM), "{frames:?}");
        assert!(driver.is_closed && !driver.is_gone);
    }
}
