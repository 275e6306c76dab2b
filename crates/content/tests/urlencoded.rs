//! Queries and urlencoded forms as browsers and programs send them.

use content::urlencoded::pairs;

fn expect(input: &str, expected: &[(&str, &str)]) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let read: Vec<_> = pairs(input.as_bytes()).map(|pair| (text(&pair.name), text(&pair.value))).collect();
    let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    assert_eq!(read, expected, "{input}");
}

#[test]
fn pairs_stand_in_the_order_of_the_input() {
    expect("b=2&a=1&b=3", &[("b", "2"), ("a", "1"), ("b", "3")]);
    expect("", &[]);
}

#[test]
fn names_and_values_may_be_empty() {
    expect("&&a&=b&c=&=&", &[("a", ""), ("", "b"), ("c", ""), ("", "")]);
}

#[test]
fn only_the_first_equals_sign_ends_a_name() {
    expect("a=b=c&d==", &[("a", "b=c"), ("d", "=")]);
}

#[test]
fn escapes_are_decoded_after_splitting() {
    expect("a%3Db%26c=1%262", &[("a=b&c", "1&2")]);
    expect("q=caf%C3%A9+au+lait%2b", &[("q", "café au lait+")]);
}

#[test]
fn an_incomplete_escape_stands_for_itself() {
    expect("a=%&b=%4&c=%zz&d=%%41", &[("a", "%"), ("b", "%4"), ("c", "%zz"), ("d", "%A")]);
}

#[test]
fn a_semicolon_is_no_delimiter() {
    expect("a=1;b=2", &[("a", "1;b=2")]);
}
