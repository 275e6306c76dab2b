//! A parser of single messages finds the same parts in an input, however it is split; no URL panics.
#![no_main]

#[path = "../../crates/http/tests/properties/messages.rs"]
mod messages;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    messages::check(input);
    if let Some(url) = http::Url::parse(input) {
        let parts = [url.scheme, url.user_info, url.host, url.path, url.query, url.fragment];
        let mut end = 0;
        for part in parts.into_iter().flatten() {
            assert!(
                end <= part.start && !input[part.clone()].is_empty(),
                "parts in order, none of which is empty"
            );
            end = part.end;
        }
    }
});
