//! Content for statuses that have none (RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5): the client gets the status without
//! it, and the application's mistake is reported once.

use wire::{Message, Wire};

use crate::site::{
    END, GET, Site, answering, last, more, owned, request, request_of, response, silent, start, start_with,
    start_with_trailers, statuses,
};

const STATUSES: [u16; 3] = [204, 205, 304];

/// Messages after the start message that bring content, and the end of the response.
fn contents() -> Vec<Vec<Message<Vec<u8>>>> {
    let long = || "x".repeat(70_000);
    vec![
        vec![last("hello")],
        vec![last(long())],
        vec![more("he"), more(""), more(long()), last("o")],
        vec![more("hello"), END],
        vec![Message::EarlyHint { links: vec![b"</a>".to_vec()] }, last("hello")],
        vec![Message::File { count: 5, more: false }, Message::FileEnd { more: false }],
        vec![
            Message::File { count: 5, more: true },
            Message::FileEnd { more: true },
            Message::File { count: 7, more: false },
            Message::FileEnd { more: false },
        ],
    ]
}

/// Answers a request and the one behind it, and returns the head of the first response.
fn head_before_another(site: &mut Site, data: &[u8], messages: Vec<Message<Vec<u8>>>) -> String {
    site.receives([data, GET].concat());
    site.sends_all(messages);
    site.settles();
    site.sends_all([start(200), last("the next")]);
    let text = site.took();
    let head =
        text.strip_suffix(&response("the next")).unwrap_or_else(|| panic!("no response behind {text}"));
    head.to_owned()
}

#[test]
fn content_is_left_out_and_the_connection_goes_on() {
    for status in STATUSES {
        for messages in contents() {
            let mut site = answering(silent);
            let head = head_before_another(&mut site, GET, [vec![start(status)], messages].concat());
            assert_eq!(statuses(&head).last(), Some(&status));
            assert!(head.ends_with("\r\n\r\n") && !head.contains("transfer-encoding"), "{head}");
            let length = if status == 205 { "content-length: 0" } else { "" };
            assert!(head.ends_with(&format!("\r\n{length}\r\n\r\n")) || length.is_empty(), "{head}");
            assert_eq!(head.contains("content-length"), status == 205, "{head}");
            assert_eq!(site.left_out, [status], "reported once");
        }
    }
}

#[test]
fn a_length_of_the_applications_own_stays_with_304_alone() {
    for (status, wanted) in [(204, ""), (205, "content-length: 0"), (304, "content-length: 5")] {
        let mut site = answering(silent);
        let messages = vec![start_with(status, &[("content-length", "5")]), last("hello")];
        let head = head_before_another(&mut site, GET, messages);
        let lengths: Vec<_> = head.split("\r\n").filter(|line| line.starts_with("content-length")).collect();
        assert_eq!(lengths.concat(), wanted);
        assert_eq!(site.left_out, [status]);
    }
}

#[test]
fn trailers_have_no_place_behind_content_that_is_left_out() {
    for status in STATUSES {
        let mut site = answering(silent);
        let trailers = Message::Trailers { fields: owned(&[("x-a", "1")]), more: false };
        let messages = vec![start_with_trailers(status), last("hello"), trailers];
        let head = head_before_another(&mut site, &request("/", &["TE: trailers"]), messages);
        assert!(!head.contains("x-a"), "{head}");
        assert_eq!(site.left_out, [status]);
    }
}

#[test]
fn content_for_head_is_no_mistake() {
    for status in [200, 204, 205, 304] {
        for messages in contents() {
            let mut site = answering(silent);
            let data = request_of("HEAD", "/", &[], "1.1");
            let head = head_before_another(&mut site, &data, [vec![start(status)], messages].concat());
            assert_eq!(statuses(&head).last(), Some(&status));
            assert!(site.left_out.is_empty(), "{status}");
        }
    }
}

#[test]
fn no_content_is_no_mistake() {
    for status in STATUSES {
        for messages in [vec![END], vec![last("")], vec![more(""), END]] {
            let mut site = answering(silent);
            head_before_another(&mut site, GET, [vec![start(status)], messages].concat());
            assert!(site.left_out.is_empty(), "{status}");
        }
    }
}

#[test]
fn each_request_is_reported_for_itself() {
    let mut site = answering(|_| vec![start(204), more("a"), last("b")]);
    site.receives(GET.repeat(3));
    assert_eq!(site.left_out, [204; 3]);
}

#[test]
fn the_log_has_the_status_and_no_bytes() {
    for status in STATUSES {
        for messages in contents() {
            let mut site = answering(silent);
            site.receives(GET);
            site.sends_all([vec![start(status)], messages].concat());
            assert_eq!((site.log[0].status, site.log[0].sent), (status, 0));
        }
    }
}

#[test]
fn a_file_that_is_not_sent_is_told_to_the_driver() {
    let head = request_of("HEAD", "/", &[], "1.1");
    for (data, status, is_sent) in [(GET, 200, true), (GET, 204, false), (&head, 200, false)] {
        let mut site = answering(silent);
        site.receives(data);
        site.sends_all([start(status)]);
        assert_eq!(site.sends(Message::File { count: 5, more: false }), Ok(is_sent));
        assert!(site.wire.is_answering(), "the driver says when it is sent");
    }
}
