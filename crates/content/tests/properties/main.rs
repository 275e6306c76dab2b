//! The properties that are fuzzed, on inputs from proptest: a short run for each `cargo test`.

mod urlencoded_cookies;

use proptest::prelude::*;

fn rows_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(words), 0..16).prop_map(|words| words.concat().into_bytes())
}

/// Parts of queries and cookies, with the delimiters and escapes that decide something.
const PAIRS: &[&str] = &[
    "a", "=", "&", ";", "; ", "%", "%4", "%41", "%4g", "%e9", "+", " ", "\t", "\"", "\\", "\\0", "\\054",
    "é", "\0",
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
}
