//! A second interface, in one file: an application that answers each request with the name of its method.
//!
//! It uses the alphabet alone and is served over the wire that is there, which does not know it.

mod support;

use support::{Application, Driver, limits, settings};
use wire::http1::Connection;
use wire::{Input, Interface, Message, RequestId};

/// Answers with the method's name, and with the content of its request after it.
#[derive(Default)]
struct MethodName {
    content: Vec<u8>,
}

impl Interface for MethodName {
    fn content(&mut self, _request: RequestId, part: &[u8]) {
        self.content.extend_from_slice(part);
    }
}

impl Application for MethodName {
    fn start(&mut self, _request: RequestId, head: &http::Head) -> Vec<Message<Vec<u8>>> {
        let content = Some([head.method(), &std::mem::take(&mut self.content)].concat());
        vec![
            Message::Start { status: 200, fields: Vec::new(), has_trailers: false },
            Message::Content { content, more: false },
        ]
    }
}

#[test]
fn each_request_is_answered_with_its_method() {
    let mut driver = Driver::connect(Connection::new(limits()), MethodName::default(), settings());
    driver.feed(Input::Bytes(b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"));
    driver.feed(Input::Bytes(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n-1"));
    let response = |text: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
    assert_eq!(driver.text(), response("DELETE") + &response("PUT-1"));
}

#[test]
fn also_where_several_arrive_at_once() {
    let mut driver = Driver::connect(Connection::new(limits()), MethodName::default(), settings());
    let requests: String = ["GET", "POST", "QUERY", "GET", "LAST"]
        .map(|name| format!("{name} / HTTP/1.1\r\nHost: a\r\n\r\n"))
        .concat();
    driver.feed(Input::Bytes(requests.as_bytes()));
    assert!(!driver.text().ends_with("LAST"), "others have their turn first");
    driver.end_turn();
    assert!(driver.text().ends_with("LAST"));
    assert_eq!(driver.text().matches("200 OK").count(), 5);
}
