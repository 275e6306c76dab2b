//! The end of a server: after the responses in progress, or now.

use wire::{Action, Input, LogEnd, Received, SendError, Shutdown, Wire};

use crate::site::{
    END, GET, POST, Site, answering, last, more, plain, request, response, silent, start,
    start_with_trailers, statuses, target,
};

fn ended(site: &mut Site) {
    site.shut_down(Shutdown::Graceful);
}

/// A connection without a request, and one between two.
fn idle() -> [Site; 2] {
    let [fresh, mut used] = [(); 2].map(|()| answering(plain));
    used.receives(GET);
    [fresh, used]
}

#[test]
fn an_idle_connection_ends_for_the_peer_and_is_soon_closed() {
    for mut site in idle() {
        ended(&mut site);
        assert!(site.has_shut_down && !site.is_closed, "a request may cross the end on its way");
        site.receives(GET);
        site.settles();
        assert!(!site.wire.is_answering());
        site.pass(2, 0);
        assert!(site.is_aborted);
    }
}

#[test]
fn a_peer_that_closes_after_the_end_is_not_waited_for() {
    for mut site in idle() {
        ended(&mut site);
        site.feed(Input::Eof);
        assert!(site.is_closed && !site.is_aborted);
    }
}

#[test]
fn a_connection_of_a_server_that_goes_on_is_closed_at_once() {
    for mut site in idle() {
        site.feed(Input::Shutdown(Shutdown::Graceful));
        assert!(site.is_closed && !site.is_aborted);
    }
}

#[test]
fn an_announced_end_leaves_idle_connections_a_last_request() {
    for mut site in idle() {
        site.took();
        site.shut_down(Shutdown::Announced);
        assert!(!site.is_ending_for_peer());
        site.receives(GET);
        site.settles();
        let text = site.took();
        assert_eq!(statuses(&text), [200]);
        assert!(text.contains("\r\nconnection: close\r\n") && site.has_shut_down);
        assert!(!site.is_closed, "what the client sends meanwhile resets nothing");
    }
}

#[test]
fn an_announced_end_comes_with_the_response_in_progress() {
    let mut site = answering(silent);
    site.receives(GET);
    site.shut_down(Shutdown::Announced);
    site.sends_all([start(200), last("ok")]);
    assert!(site.text().contains("\r\nconnection: close\r\n") && site.has_shut_down);
}

#[test]
fn an_announced_end_is_followed_by_the_end() {
    for mut site in idle() {
        site.shut_down(Shutdown::Announced);
        ended(&mut site);
        assert!(site.has_shut_down);
        site.pass(2, 0);
        assert!(site.is_aborted);
    }
}

#[test]
fn a_request_that_runs_is_answered_and_told_that_the_connection_ends() {
    let mut site = answering(silent);
    site.receives([request("/1", &[]), request("/2", &[])].concat());
    ended(&mut site);
    assert!(!site.is_closed);
    site.sends_all([start(200), last("/1")]);
    site.settles();
    assert!(site.text().contains("\r\nconnection: close\r\n") && site.text().ends_with("/1"));
    assert!(site.has_shut_down && !site.is_aborted);
    assert_eq!(site.application.targets, ["/1"], "what is pipelined is not begun");
}

#[test]
fn a_response_that_has_begun_goes_on_to_its_end() {
    let mut site = answering(silent);
    site.receives(GET);
    site.sends_all([start(200), more("str")]);
    ended(&mut site);
    site.sends_all([more("eam"), END]);
    assert!(site.text().ends_with("3\r\neam\r\n0\r\n\r\n") && site.is_ending_for_peer());
}

#[test]
fn a_request_that_is_still_arriving_is_answered_once_it_is_there() {
    let upload = [POST, b"Content-Length: 4\r\n\r\nda"].concat();
    for (first, rest) in [(&GET[..10], &GET[10..]), (&upload, b"ta")] {
        let mut site = answering(silent);
        site.receives(first);
        ended(&mut site);
        assert!(!site.is_closed);
        site.receives(rest);
        while site.asks() == (Received::Content { more: true }) {}
        site.sends_all([start(200), last("ok")]);
        assert_eq!(statuses(&site.text()), [200]);
        assert!(site.text().contains("\r\nconnection: close\r\n") && site.has_shut_down);
    }
}

#[test]
fn requests_that_wait_for_their_turn_or_a_reader_are_not_forgotten() {
    let mut site = answering(plain);
    site.receives(GET.repeat(5));
    ended(&mut site);
    site.settles();
    assert_eq!(statuses(&site.text()), [200; 5]);
    assert!(site.is_ending_for_peer());
    let mut site = answering(plain);
    site.feed(Input::Full);
    site.feed(Input::Unsent(5000));
    site.receives(GET);
    ended(&mut site);
    assert!(!site.is_closed);
    site.feed(Input::Writable);
    site.settles();
    assert_eq!(statuses(&site.text()), [200]);
    assert!(site.is_ending_for_peer());
}

#[test]
fn a_connection_whose_request_is_still_being_discarded_ends_with_it() {
    let mut site = answering(plain);
    site.receives([POST, b"Content-Length: 4\r\n\r\nab"].concat());
    assert_eq!(site.text(), response("ok"));
    ended(&mut site);
    assert!(!site.is_ending_for_peer());
    site.receives(b"cd");
    assert!(site.is_ending_for_peer());
    assert_eq!(site.text(), response("ok"));
}

#[test]
fn an_application_may_end_its_own_server() {
    let mut site = answering(silent);
    site.begins_later = true;
    site.receives(GET);
    ended(&mut site);
    site.begin();
    site.sends_all([start(200), last("ok")]);
    assert!(site.text().contains("\r\nconnection: close\r\n") && site.has_shut_down);
}

#[test]
fn the_end_may_come_again() {
    let mut site = answering(silent);
    site.receives(GET);
    for _ in 0..3 {
        ended(&mut site);
    }
    site.sends_all([start(200), last("ok")]);
    site.did(Action::ShutdownWrite);
    for _ in 0..3 {
        ended(&mut site);
    }
    assert!(!site.did(Action::ShutdownWrite), "ended once: some transports do not accept it twice");
    site.feed(Input::Lost { by_error: false });
    for how in [Shutdown::Graceful, Shutdown::Immediate] {
        site.shut_down(how);
    }
    assert!(site.performed.iter().all(|action| *action == Action::WakeSend), "{:?}", site.performed);
}

#[test]
fn a_client_that_takes_its_time_for_the_rest_has_its_limit() {
    let mut site = answering(silent);
    site.receives(&GET[..10]);
    ended(&mut site);
    site.pass(8, 0);
    assert_eq!(statuses(&site.text()), [408]);
    assert!(site.has_shut_down);
}

/// Connections in every state that an open one can have.
fn in_every_state() -> Vec<(&'static str, Site)> {
    let upload = [POST, b"Content-Length: 90000\r\n\r\n"].concat();
    let mut sites: Vec<(&str, Site)> = ["fresh", "inside a head", "answering", "sending", "file", "trailers"]
        .map(|name| (name, answering(silent)))
        .into();
    sites[1].1.receives(&GET[..10]);
    for (_, site) in &mut sites[2..] {
        site.receives(GET);
    }
    sites[3].1.sends_all([start(200), more("a")]);
    sites[4].1.sends_all([start(200), wire::Message::File { count: 9, more: false }]);
    sites[5].1.sends_all([start_with_trailers(200), last("a")]);
    let mut lingering = answering(plain);
    lingering.receives(&upload);
    let mut draining = answering(plain);
    draining.receives(request("/", &["Connection: close"]));
    let mut yielded = answering(target);
    yielded.receives(GET.repeat(10));
    let mut full = answering(silent);
    full.receives(&upload);
    full.feed(Input::Full);
    full.feed(Input::Unsent(5000));
    sites.extend([("lingering", lingering), ("draining", draining), ("yielded", yielded), ("full", full)]);
    sites
}

#[test]
fn the_immediate_end_closes_at_once_in_every_state() {
    for (name, mut site) in in_every_state() {
        let before = site.text();
        site.shut_down(Shutdown::Immediate);
        assert!(site.is_aborted, "{name}");
        site.settles();
        site.receives(GET);
        site.feed(Input::Writable);
        assert_eq!(site.text(), before, "{name}");
        site.feed(Input::Lost { by_error: false });
        assert!(site.wire.is_closed() && !site.wire.was_left_by_peer(), "{name}");
    }
}

#[test]
fn the_immediate_end_cuts_responses_short() {
    for (name, mut site) in in_every_state() {
        let request = site.wire.latest();
        let was_answering = site.wire.is_answering();
        site.shut_down(Shutdown::Immediate);
        if was_answering {
            assert_eq!(site.log.last().map(|record| record.end), Some(LogEnd::CutShort), "{name}");
            assert_eq!(site.receive(request), Received::Disconnect { is_cut: true }, "{name}");
        }
        assert_eq!(site.send(request, last("more")), Err(SendError::Disconnected), "{name}");
    }
}

#[test]
fn the_immediate_end_follows_a_graceful_one() {
    for (name, mut site) in in_every_state() {
        ended(&mut site);
        site.shut_down(Shutdown::Immediate);
        assert!(site.is_aborted, "{name}");
    }
}
