//! Queries and cookies against a simple model of their specifications. A test and a fuzz target share this file.

use std::borrow::Cow;

use content::{cookies, urlencoded};

pub(crate) fn check(input: &[u8]) {
    check_pairs(input);
    check_encoding(input);
    check_cookies(input);
}

/// WHATWG URL section 5.1, step by step: split, leave out what is empty, split at the first `=`, decode.
fn check_pairs(input: &[u8]) {
    let mut at = 0;
    let mut expected = Vec::new();
    for part in input.split(|byte| *byte == b'&') {
        if !part.is_empty() {
            let mut halves = part.splitn(2, |byte| *byte == b'=');
            let mut half = || decoded(halves.next().unwrap_or_default());
            expected.push((half(), half(), at));
        }
        at += part.len() + 1;
    }
    let pairs =
        urlencoded::pairs(input).map(|pair| (pair.name.into_owned(), pair.value.into_owned(), pair.at));
    assert_eq!(pairs.collect::<Vec<_>>(), expected);
    for pair in urlencoded::pairs(input).filter(|_| !input.contains(&b'%') && !input.contains(&b'+')) {
        assert!(matches!((pair.name, pair.value), (Cow::Borrowed(_), Cow::Borrowed(_))));
    }
}

fn decoded(part: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut index = 0;
    while index < part.len() {
        let digits = part.get(index + 1..index + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        match (part[index], digits) {
            (b'%', Some(digits)) => {
                let digits = std::str::from_utf8(digits).unwrap_or_default();
                out.push(u8::from_str_radix(digits, 16).unwrap_or_default());
                index += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        index += 1;
    }
    out
}

/// Whatever is encoded has no byte with a meaning of its own, and is read back.
fn check_encoding(input: &[u8]) {
    let mut encoded = Vec::new();
    urlencoded::encode(input, &mut encoded);
    assert!(encoded.iter().all(|byte| byte.is_ascii_alphanumeric() || b"%+*-._".contains(byte)));
    assert_eq!(&*urlencoded::decode(&encoded), input);
    let query = [b"n=", &encoded[..], b"&", &encoded, b"=v"].concat();
    let pairs: Vec<_> = urlencoded::pairs(&query).collect();
    assert_eq!(&*pairs[0].value, input);
    assert_eq!(&*pairs[1].name, input);
    let spaces: Vec<u8> = encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    assert_eq!(&*urlencoded::percent_decode(&spaces), input);
}

/// No part of a cookie has a delimiter or white space around it, and parts without quotes are borrowed and read back.
fn check_cookies(input: &[u8]) {
    let read: Vec<_> = cookies::cookies(input).collect();
    let parts =
        input.split(|byte| *byte == b';').filter(|part| part.iter().any(|byte| !b" \t=".contains(byte)));
    assert!(read.len() >= parts.count());
    for cookie in &read {
        assert!(!cookie.name.is_empty() || !cookie.value.is_empty() || input.contains(&b'"'));
        assert!(!cookie.name.contains(&b';') && !cookie.name.contains(&b'='));
        let is_trimmed = |text: &[u8]| !matches!(text, [b' ' | b'\t', ..] | [.., b' ' | b'\t']);
        assert!(is_trimmed(cookie.name));
        if !input.contains(&b'"') {
            assert!(matches!(cookie.value, Cow::Borrowed(_)) && is_trimmed(&cookie.value));
        }
    }
    if !input.contains(&b'"') {
        let sent: Vec<_> = read.iter().map(|cookie| [cookie.name, b"=", &cookie.value].concat()).collect();
        let again = sent.join(&b"; "[..]);
        let names =
            |field: &[u8]| cookies::cookies(field).map(|cookie| cookie.name.to_vec()).collect::<Vec<_>>();
        assert_eq!(names(&again), names(input));
    }
}
