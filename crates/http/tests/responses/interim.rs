//! Interim heads and changes of protocol: 100, 103, CONNECT, and an upgrade that is declined.

use http::{DefaultHeaders, Length, LocalProtocolError, NO_FIELDS, Persistence};

use crate::exchange::{GET, OLD_GET, after, read, text};

const WAITING: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n";

#[test]
fn a_client_that_waits_is_told_to_continue_once() {
    let (mut connection, mut out) = (after(WAITING), Vec::new());
    assert!(connection.head().expects_continue());
    assert!(connection.send_continue(&mut out));
    assert!(!connection.send_continue(&mut out));
    assert_eq!(text(&out), "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(read(&mut connection, "ab"), ["body", "end", "paused"]);
}

#[test]
fn a_client_that_did_not_wait_is_not_told() {
    let (mut connection, mut out) = (after(WAITING), Vec::new());
    assert_eq!(read(&mut connection, "a"), ["body", "need"]);
    assert!(!connection.send_continue(&mut out));
    assert_eq!(
        connection.start(200, NO_FIELDS, Length::Known(0), DefaultHeaders::default(), &mut out),
        Ok(())
    );
    assert!(!text(&out).contains("close"));
}

#[test]
fn nobody_is_told_who_does_not_expect_it() {
    let unexpecting = [
        GET,
        "POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: something\r\n\r\n",
    ];
    for request in unexpecting {
        assert!(!after(request).send_continue(&mut Vec::new()), "{request}");
    }
}

#[test]
fn after_the_final_head_it_is_too_late_to_continue() {
    let (mut connection, mut out) = (after(WAITING), Vec::new());
    assert_eq!(
        connection.start(200, NO_FIELDS, Length::Known(0), DefaultHeaders::default(), &mut out),
        Ok(())
    );
    assert!(text(&out).contains("connection: close\r\n"));
    assert!(!connection.send_continue(&mut out));
    assert_eq!(connection.finish(&mut out), Ok(Persistence::Close));
}

#[test]
fn early_hints_come_before_the_head_and_may_come_twice() {
    let (mut connection, mut out) = (after(GET), Vec::new());
    let hint = [("link", "</a.css>; rel=preload"), ("content-length", "3")];
    assert_eq!(connection.inform(103, hint, &mut out), Ok(()));
    assert_eq!(connection.inform(103, NO_FIELDS, &mut out), Ok(()));
    let first = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
    assert_eq!(text(&out), format!("{first}HTTP/1.1 103 Early Hints\r\n\r\n"));
    assert_eq!(connection.inform(103, [("a", "\n")], &mut out), Err(LocalProtocolError::BadFieldValue));
    assert_eq!(text(&out).len(), first.len() + 28);
    for status in [99, 100, 101, 200] {
        assert_eq!(
            connection.inform(status, NO_FIELDS, &mut out),
            Err(LocalProtocolError::BadStatus),
            "{status}"
        );
    }
}

#[test]
fn a_client_of_1_0_gets_no_interim_head() {
    let mut out = Vec::new();
    assert_eq!(after(OLD_GET).inform(103, NO_FIELDS, &mut out), Ok(()));
    assert_eq!(out.len(), 0);
}

const UPGRADE: &str =
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";

#[test]
fn an_upgrade_may_be_declined() {
    let (mut connection, mut out) = (after(UPGRADE), Vec::new());
    assert_eq!(
        connection.start(501, NO_FIELDS, Length::Known(0), DefaultHeaders::default(), &mut out),
        Ok(())
    );
    assert_eq!(connection.finish(&mut out), Ok(Persistence::KeepAlive));
    assert_eq!(read(&mut connection, GET), ["request", "end", "paused"]);
}

#[test]
fn a_success_to_connect_is_a_tunnel_and_a_failure_is_not() {
    let request = "CONNECT b:1 HTTP/1.1\r\nHost: a\r\n\r\n";
    let (mut connection, mut out) = (after(&format!("{request}early")), Vec::new());
    assert_eq!(
        connection.start(200, NO_FIELDS, Length::Unknown, DefaultHeaders::default(), &mut out),
        Ok(())
    );
    assert_eq!(read(&mut connection, ""), ["tunnel", "need"]);
    let mut connection = after(request);
    assert_eq!(
        connection.start(405, NO_FIELDS, Length::Known(0), DefaultHeaders::default(), &mut out),
        Ok(())
    );
    assert_eq!(connection.finish(&mut out), Ok(Persistence::KeepAlive));
}
