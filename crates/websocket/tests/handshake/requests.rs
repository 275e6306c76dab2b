//! Which requests are handshakes, what they are answered, and the subprotocols that they offer.

use websocket::{DeflateSettings, Handshake, HandshakeError, is_token, subprotocols};

const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
const VERSION: (&str, &str) = ("sec-websocket-version", "13");
const CONNECTION: (&str, &str) = ("connection", "Upgrade");

fn read(fields: &[(&str, &str)]) -> Result<Handshake, HandshakeError> {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    Handshake::read(b"GET", true, fields, None)
}

fn accept(key: &str) -> Option<String> {
    let handshake = read(&[CONNECTION, VERSION, ("sec-websocket-key", key)]).ok()?;
    let (name, value) = handshake.fields().next()?;
    assert_eq!(name, b"sec-websocket-accept");
    String::from_utf8(value.to_vec()).ok()
}

#[test]
fn the_examples_of_accept() {
    // RFC 6455 section 1.3; that of wsproto's documentation; computed by Python's hashlib and base64.
    assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ==").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(accept("x3JJHMbDL1EzLkh9GBhXDw==").as_deref(), Some("HSmrc0sMlYUkAGmm5OPpG2HaGWk="));
    assert_eq!(accept("AAAAAAAAAAAAAAAAAAAAAA==").as_deref(), Some("ICX+Yqv66kxgM0FcWaLWlFLwTAI="));
}

#[test]
fn a_key_is_sixteen_bytes_in_base64() {
    assert!(accept("+/+/+/+/+/+/+/+/+/+/+w==").is_some());
    for key in [
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZXM=",
        "dGhlIHNhbXBsZSBub25jZQAA",
        "dGhlIHNhbXBsZSBub25j-_==",
        "dGhlIHNhbXBsZSBub25j Q==",
        "=GhlIHNhbXBsZSBub25jZQ==",
    ] {
        assert_eq!(accept(key), None, "{key}");
    }
    assert_eq!(read(&[CONNECTION, VERSION]).unwrap_err(), HandshakeError::Key);
    assert_eq!(read(&[CONNECTION, VERSION, KEY, KEY]).unwrap_err(), HandshakeError::Key);
}

#[test]
fn the_connection_option_in_any_case_and_place() {
    for value in ["upgrade", "UPGRADE", "keep-alive, Upgrade", "Upgrade,keep-alive", "a ,\tupgrade , b"] {
        assert!(read(&[("connection", value), VERSION, KEY]).is_ok(), "{value}");
    }
    assert!(read(&[("connection", "keep-alive"), CONNECTION, VERSION, KEY]).is_ok());
    for value in ["", "keep-alive", "upgraded", "up grade"] {
        let result = read(&[("connection", value), VERSION, KEY]);
        assert_eq!(result.unwrap_err(), HandshakeError::Connection, "{value}");
    }
    assert_eq!(read(&[VERSION, KEY]).unwrap_err(), HandshakeError::Connection);
}

#[test]
fn versions() {
    for version in ["", "8", "013", "13, 8", "12", "14", "13.0"] {
        let error = read(&[CONNECTION, KEY, ("sec-websocket-version", version)]).unwrap_err();
        assert_eq!((error, error.status()), (HandshakeError::Version, 426), "{version}");
    }
    assert_eq!(read(&[CONNECTION, KEY]).unwrap_err(), HandshakeError::Version);
    assert_eq!(read(&[CONNECTION, KEY, VERSION, VERSION]).unwrap_err(), HandshakeError::Version);
}

#[test]
fn methods_and_versions_of_http() {
    let fields = [CONNECTION, VERSION, KEY].map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let error = |method: &[u8], is_at_least_1_1| {
        Handshake::read(method, is_at_least_1_1, fields.into_iter(), None).unwrap_err()
    };
    assert_eq!(error(b"POST", true), HandshakeError::Method);
    assert_eq!(error(b"get", true), HandshakeError::Method);
    assert_eq!(error(b"GET", false), HandshakeError::HttpVersion);
    assert_eq!(error(b"GET", false).status(), 400);
    assert!(error(b"GET", false).to_string().starts_with("400: a WebSocket handshake below HTTP/1.1"));
}

#[test]
fn subprotocols_in_order_from_all_fields() {
    let offered = |fields: &[(&'static str, &'static str)]| -> Vec<&'static str> {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        subprotocols(fields).map(|name| std::str::from_utf8(name).unwrap_or("?")).collect()
    };
    let name = "sec-websocket-protocol";
    assert_eq!(offered(&[(name, "chat, superchat")]), ["chat", "superchat"]);
    assert_eq!(offered(&[(name, "b"), ("other", "x"), (name, "a,,c ,")]), ["b", "a", "c"]);
    assert_eq!(offered(&[(name, "a b, \"c\", d/e, f")]), ["f"]);
    assert_eq!(offered(&[]), [""; 0]);
}

#[test]
fn tokens() {
    for name in ["chat", "v1.json", "graphql-transport-ws", "!#$%&'*+-.^_`|~", "09azAZ"] {
        assert!(is_token(name.as_bytes()), "{name}");
    }
    for name in ["", " ", "a b", "a,b", "a;b", "a/b", "a\"", "ä", "a\0", "(a)", "a=b", "\x7f", "@", "{}"] {
        assert!(!is_token(name.as_bytes()), "{name}");
    }
}

#[test]
fn a_handshake_over_a_stream_has_no_key() {
    let read = |fields: &[(&str, &str)]| {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        Handshake::over_stream(fields, None)
    };
    // RFC 8441 section 5.1 has the fields of the example.
    let example = [
        ("sec-websocket-protocol", "chat, superchat"),
        ("sec-websocket-extensions", "permessage-deflate"),
        VERSION,
        ("origin", "http://www.example.com"),
    ];
    let handshake = read(&example).expect("the example of RFC 8441");
    assert_eq!(handshake.fields().count(), 0);
    // A key that a client sends all the same is not answered.
    assert_eq!(read(&[VERSION, KEY, CONNECTION]).expect("a version").fields().count(), 0);
    for fields in [&[][..], &[("sec-websocket-version", "8")], &[VERSION, VERSION]] {
        assert_eq!(read(fields).unwrap_err(), HandshakeError::Version);
    }
    let malformed = read(&[VERSION, ("sec-websocket-extensions", "a b")]);
    assert_eq!(malformed.unwrap_err(), HandshakeError::Extensions);
}

#[test]
fn a_handshake_over_a_stream_agrees_on_compression() {
    let deflate = DeflateSettings { window_bits: 12, at_least: 1024, level: 6 };
    let offer = (&b"sec-websocket-extensions"[..], &b"permessage-deflate; client_max_window_bits"[..]);
    let version = (VERSION.0.as_bytes(), VERSION.1.as_bytes());
    let handshake = Handshake::over_stream([version, offer].into_iter(), Some(&deflate)).expect("a version");
    let answer: Vec<_> = handshake.fields().collect();
    let expected = &b"permessage-deflate; server_no_context_takeover; client_max_window_bits=12"[..];
    assert_eq!(answer, [(&b"sec-websocket-extensions"[..], expected)]);
    assert!(handshake.agreed().is_some());
}
