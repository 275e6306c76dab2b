//! Offers of permessage-deflate, and what is answered (RFC 7692 sections 5.1 and 7.1).

use websocket::{DeflateSettings, Handshake, HandshakeError};

use crate::support::handshake;

const SETTINGS: DeflateSettings = DeflateSettings { window_bits: 12, at_least: 1024, level: 6 };
const FIELD: &str = "sec-websocket-extensions";

fn answer_with(settings: Option<&DeflateSettings>, offers: &[&str]) -> Option<String> {
    let fields: Vec<_> = offers.iter().map(|offer| (FIELD, *offer)).collect();
    let handshake = handshake(&fields, settings);
    let answer = handshake.fields().nth(1).map(|(name, value)| {
        assert_eq!(name, FIELD.as_bytes());
        String::from_utf8_lossy(value).into_owned()
    });
    assert_eq!(answer.is_some(), handshake.agreed().is_some());
    answer
}

/// The parameters of the answer. None if nothing is agreed.
fn answer(offers: &[&str]) -> Option<String> {
    let answer = answer_with(Some(&SETTINGS), offers)?;
    Some(
        answer
            .strip_prefix("permessage-deflate; server_no_context_takeover")
            .map_or_else(|| panic!("{answer}"), |parameters| parameters.trim_start_matches("; ").to_owned()),
    )
}

#[test]
fn what_clients_offer_and_are_answered() {
    let none = "client_no_context_takeover";
    for (parameters, expected) in [
        // Browsers, websockets; Safari of old; ws and others.
        ("; client_max_window_bits", "client_max_window_bits=12"),
        ("", none),
        ("; client_no_context_takeover", none),
        ("; server_no_context_takeover", none),
        ("; server_no_context_takeover; client_no_context_takeover", none),
        ("; client_no_context_takeover; client_max_window_bits", none),
        ("; client_no_context_takeover; client_max_window_bits=10", none),
        ("; client_max_window_bits=15", "client_max_window_bits=12"),
        ("; client_max_window_bits=12", "client_max_window_bits=12"),
        ("; client_max_window_bits=11", "client_max_window_bits=11"),
        ("; client_max_window_bits=9", "client_max_window_bits=9"),
        ("; client_max_window_bits=8", "client_max_window_bits=8"),
        ("; server_max_window_bits=15", "server_max_window_bits=12; client_no_context_takeover"),
        ("; server_max_window_bits=12", "server_max_window_bits=12; client_no_context_takeover"),
        ("; server_max_window_bits=11", "server_max_window_bits=9; client_no_context_takeover"),
        ("; server_max_window_bits=9", "server_max_window_bits=9; client_no_context_takeover"),
        (
            "; server_max_window_bits=10; client_max_window_bits",
            "server_max_window_bits=9; client_max_window_bits=12",
        ),
        (";client_max_window_bits = \"10\" ", "client_max_window_bits=10"),
        ("; client_max_window_bits=\"1\\0\"", "client_max_window_bits=10"),
    ] {
        let offer = format!("permessage-deflate{parameters}");
        assert_eq!(answer(&[&offer]).as_deref(), Some(expected), "{offer}");
    }
}

#[test]
fn offers_that_cannot_be_accepted() {
    for parameters in [
        "; server_max_window_bits=8",
        "; server_max_window_bits",
        "; server_max_window_bits=7",
        "; server_max_window_bits=16",
        "; server_max_window_bits=09",
        "; server_max_window_bits=1x",
        "; client_max_window_bits=7",
        "; client_max_window_bits=16",
        "; client_max_window_bits=010",
        "; client_max_window_bits=100",
        "; client_max_window_bits=+9",
        "; server_no_context_takeover=1",
        "; client_no_context_takeover=true",
        "; server_no_context_takeover; server_no_context_takeover",
        "; client_no_context_takeover; client_no_context_takeover",
        "; client_max_window_bits; client_max_window_bits",
        "; client_max_window_bits=10; client_max_window_bits=10",
        "; server_max_window_bits=10; server_max_window_bits=10",
        "; unknown",
        "; unknown=1",
        "; mem_level=8; client_max_window_bits",
    ] {
        let offer = format!("permessage-deflate{parameters}");
        assert_eq!(answer(&[&offer]), None, "{offer}");
        // The next offer is tried, in the same field and in another one.
        let two = format!("{offer}, permessage-deflate; client_max_window_bits=9");
        assert_eq!(answer(&[&two]).as_deref(), Some("client_max_window_bits=9"));
        assert_eq!(answer(&[&offer, "permessage-deflate"]).as_deref(), Some("client_no_context_takeover"));
    }
}

#[test]
fn the_first_acceptable_offer_counts() {
    let offers = "x-webkit-deflate-frame, permessage-bzip2; level=9, permessage-deflate; client_max_window_bits=10, \
                  permessage-deflate";
    assert_eq!(answer(&[offers]).as_deref(), Some("client_max_window_bits=10"));
    assert_eq!(answer(&["", ",, ", "other"]), None);
    assert_eq!(answer(&[", permessage-deflate ,"]).as_deref(), Some("client_no_context_takeover"));
    assert_eq!(answer(&[]), None);
}

#[test]
fn without_settings_nothing_is_agreed() {
    assert_eq!(answer_with(None, &["permessage-deflate; client_max_window_bits"]), None);
}

#[test]
fn windows_of_other_settings() {
    let with = |window_bits, offer: &str| {
        answer_with(Some(&DeflateSettings { window_bits, ..SETTINGS }), &[offer]).expect("an answer")
    };
    let offer = "permessage-deflate; server_max_window_bits=14; client_max_window_bits";
    assert!(with(15, offer).ends_with("; server_max_window_bits=9; client_max_window_bits=15"));
    assert!(with(14, offer).ends_with("; server_max_window_bits=14; client_max_window_bits=14"));
    assert!(with(9, offer).ends_with("; server_max_window_bits=9; client_max_window_bits=9"));
    // zlib has no window of 8 bits.
    assert!(with(8, offer).ends_with("; server_max_window_bits=9; client_max_window_bits=9"));
    assert!(with(0, offer).ends_with("; server_max_window_bits=9; client_max_window_bits=9"));
    assert!(with(200, offer).ends_with("; server_max_window_bits=9; client_max_window_bits=15"));
}

#[test]
fn fields_that_are_no_lists_of_extensions() {
    for value in [
        "permessage-deflate client_max_window_bits",
        "permessage-deflate; ",
        "permessage-deflate;;a",
        "permessage-deflate; =9",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; client_max_window_bits=\"9",
        "permessage-deflate; client_max_window_bits=\"9 9\"",
        "permessage-deflate; client_max_window_bits=\"\"",
        "permessage-deflate; client_max_window_bits=\"9\\",
        "permessage-deflate; a=\"b\" c",
        "; a",
        "=",
        "a/b",
        "a, @",
    ] {
        let fields = [("connection", "upgrade"), ("sec-websocket-version", "13"), (FIELD, value)];
        let key = (&b"sec-websocket-key"[..], &b"dGhlIHNhbXBsZSBub25jZQ=="[..]);
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        for settings in [None, Some(&SETTINGS)] {
            let result = Handshake::read(b"GET", true, fields.clone().chain([key]), settings);
            assert_eq!(result.expect_err("malformed"), HandshakeError::Extensions, "{value}");
        }
    }
}
