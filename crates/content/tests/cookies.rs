//! Fields `Cookie` as browsers and programs send them.

use content::cookies::cookies;

fn read(field: &str) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    cookies(field.as_bytes()).map(|cookie| (text(cookie.name), text(&cookie.value))).collect()
}

fn expect(field: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    assert_eq!(read(field), expected, "{field}");
}

#[test]
fn cookies_stand_in_the_order_of_the_field() {
    expect("a=1; b=2;c=3", &[("a", "1"), ("b", "2"), ("c", "3")]);
    expect("id=long/path; id=short", &[("id", "long/path"), ("id", "short")]);
}

#[test]
fn only_the_first_equals_sign_ends_a_name() {
    expect("token=YWI==; x==", &[("token", "YWI=="), ("x", "=")]);
}

#[test]
fn white_space_and_empty_cookies_are_left_out() {
    expect(" a = 1 ;; ;\t= ; b=", &[("a", "1"), ("b", "")]);
    expect("", &[]);
}

#[test]
fn a_cookie_without_equals_sign_is_a_value_without_name() {
    expect("alone; a=1; =named", &[("", "alone"), ("a", "1"), ("", "named")]);
}

#[test]
fn quotes_are_taken_off_with_the_escapes_of_http_cookies() {
    expect(r#"a="1 2"; b="\"\\\054\303\251"; c="\4x""#, &[("a", "1 2"), ("b", "\"\\,é"), ("c", "4x")]);
    expect(r#"a="; b=""; c=x"y""#, &[("a", "\""), ("b", ""), ("c", "x\"y\"")]);
}

#[test]
fn a_quoted_value_ends_at_the_semicolon_as_in_a_browser() {
    expect(r#"a="1;b=2""#, &[("a", "\"1"), ("b", "2\"")]);
}
