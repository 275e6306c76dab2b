//! The properties that are fuzzed, on inputs from proptest: a short run for each `cargo test`.

mod multipart;
mod ranges;
mod urlencoded_cookies;
mod xml;

use proptest::prelude::*;

fn rows_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(words), 0..16).prop_map(|words| words.concat().into_bytes())
}

/// Parts of queries and cookies, with the delimiters and escapes that decide something.
const PAIRS: &[&str] = &[
    "a", "=", "&", ";", "; ", "%", "%4", "%41", "%4g", "%e9", "+", " ", "\t", "\"", "\\", "\\0", "\\054",
    "é", "\0",
];

/// Parts of the field `Range`, and lengths of a file before it.
const RANGES: &[&str] = &[
    "bytes",
    "=",
    "-",
    ",",
    ", ",
    "0",
    "1",
    "9",
    "99",
    "500",
    "18446744073709551615",
    "99999999999999999999",
    " ",
    "\t",
    "bytes=0-1",
    ",2-3",
    ",-1",
    "\x7f",
];

/// Parts of XML documents, with what decides something.
const XML: &[&str] = &[
    "<a>",
    "</a>",
    "<a/>",
    "<b c='d'>",
    "</b>",
    "<",
    ">",
    "</",
    "/>",
    "&amp;",
    "&lt;",
    "&#65;",
    "&#x41;",
    "&#0;",
    "&x;",
    "&",
    ";",
    "<!--",
    "-->",
    "--",
    "<![CDATA[",
    "]]>",
    "<?x y?>",
    "<?xml version='1.0'?>",
    "<!DOCTYPE a>",
    "<!DOCTYPE a [",
    "xmlns='u'",
    "xmlns:p='v'",
    "<p:a",
    "</p:a>",
    "p:c=\"d\"",
    " ",
    "\n",
    "\r",
    "\t",
    "e='f'",
    "=",
    "'",
    "\"",
    "é",
    "\0",
    "\u{fffe}",
    "text",
    "<a xmlns:p='v'>",
];

/// Parts of forms in parts, whose boundary is `b`.
const PARTS: &[&str] = &[
    "--b",
    "--b\r\n",
    "\r\n--b\r\n",
    "\r\n--b--",
    "\r\n--",
    "\r\n",
    "\r",
    "\n",
    "-",
    " ",
    "Content-Disposition: form-data; name=\"n\"\r\n\r\n",
    "Content-Disposition: form-data; name=n; filename=\"f\"\r\n",
    "Content-Disposition: form-data; name=\"",
    "\\",
    "\"",
    "%22",
    "; filename*=utf-8''%c3%a9",
    "Content-Type: text/plain\r\n",
    "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n",
    "content of a part",
    "\0",
    "\u{ff}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn pairs_of_anything(input in prop::collection::vec(any::<u8>(), 0..300)) {
        urlencoded_cookies::check(&input);
    }

    #[test]
    fn pairs_of_words(input in rows_of(PAIRS)) {
        urlencoded_cookies::check(&input);
    }

    #[test]
    fn ranges_of_words(size in any::<u64>(), shift in 0..64_u32, input in rows_of(RANGES)) {
        ranges::check(&[&(size >> shift).to_be_bytes(), &input[..]].concat());
    }

    #[test]
    fn ranges_of_anything(input in prop::collection::vec(any::<u8>(), 0..64)) {
        ranges::check(&input);
    }

    #[test]
    fn xml_of_anything(input in prop::collection::vec(any::<u8>(), 0..100)) {
        xml::check(&input);
    }

    #[test]
    fn xml_of_words(input in rows_of(XML)) {
        xml::check(&[&b"<a xmlns:p='v'>"[..], &input, b"</a>"].concat());
        xml::check(&input);
    }

    #[test]
    fn forms_of_anything(input in prop::collection::vec(any::<u8>(), 0..300)) {
        multipart::check(&input);
    }

    #[test]
    fn forms_of_words(input in rows_of(PARTS)) {
        multipart::check(&input);
        multipart::check(&[b"--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n", &input[..]].concat());
    }
}
