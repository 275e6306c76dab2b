//! Precedence, methods and limits of a table, one rule to a test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use routing::{Captures, Methods, Path, Table};

fn table(routes: &[(&str, &[&str])]) -> Table {
    let mut builder = Table::builder(&["even"]);
    for (pattern, methods) in routes {
        builder.add(pattern, Methods::of(*methods)).unwrap();
    }
    builder.build()
}

fn any(_: usize, _: &Captures) -> Result<bool, ()> {
    Ok(true)
}

/// The entry and the values of its parameters.
fn find(table: &Table, method: &str, raw: &str) -> Option<(usize, Vec<String>)> {
    let path = Path::new(raw.as_bytes()).unwrap();
    let found = table.find(method.as_bytes(), path.text(), any).unwrap()?;
    let values = found.captures.as_slice().iter().map(|range| path.value(*range).into_owned());
    Some((found.entry, values.collect()))
}

fn entry(table: &Table, raw: &str) -> Option<usize> {
    find(table, "GET", raw).map(|(entry, _)| entry)
}

fn allowed(table: &Table, raw: &str) -> Vec<String> {
    table.allowed(raw, any).unwrap().names().map(str::to_owned).collect()
}

#[test]
fn fixed_text_is_before_a_parameter_and_that_before_a_rest() {
    let table =
        table(&[("/{rest:path}", &["GET"]), ("/{a}/b", &["GET"]), ("/a/{b}", &["GET"]), ("/a/b", &["GET"])]);
    assert_eq!(entry(&table, "/a/b"), Some(3));
    assert_eq!(entry(&table, "/a/c"), Some(2));
    assert_eq!(entry(&table, "/c/b"), Some(1));
    assert_eq!(entry(&table, "/c/d"), Some(0));
    assert_eq!(entry(&table, "/"), Some(0));
}

#[test]
fn one_shape_is_tried_in_the_order_of_its_entries() {
    let table = table(&[("/{id:int}", &["GET"]), ("/{x:float}", &["GET"]), ("/{name}", &["GET"])]);
    assert_eq!(find(&table, "GET", "/17"), Some((0, vec!["17".to_owned()])));
    assert_eq!(entry(&table, "/1.5"), Some(1));
    assert_eq!(entry(&table, "/one"), Some(2));
    assert_eq!(entry(&table, "/%31"), Some(0), "a digit may be encoded");
}

#[test]
fn a_refusal_goes_on_to_a_lower_shape() {
    let table =
        table(&[("/users/{id:int}", &["GET"]), ("/{page}/{rest:path}", &["GET"]), ("/users/me", &["POST"])]);
    assert_eq!(find(&table, "GET", "/users/me"), Some((1, vec!["users".to_owned(), "me".to_owned()])));
    assert_eq!(find(&table, "POST", "/users/me"), Some((2, vec![])));
    assert_eq!(find(&table, "POST", "/users/1"), None);
    assert_eq!(allowed(&table, "/users/1"), ["GET", "HEAD"]);
    assert_eq!(allowed(&table, "/users/me"), ["GET", "HEAD", "POST"]);
    assert_eq!(allowed(&table, "/users"), Vec::<String>::new());
}

#[test]
fn a_rest_has_its_slashes_and_may_be_empty() {
    let table = table(&[("/files/{rest:path}", &["GET"]), ("/files/{name}/meta", &["GET"])]);
    let rest = |raw: &str| find(&table, "GET", raw).map(|(_, values)| values.concat());
    assert_eq!(rest("/files/").as_deref(), Some(""));
    assert_eq!(rest("/files/a//b/").as_deref(), Some("a//b/"));
    assert_eq!(rest("/files/../../etc").as_deref(), Some("../../etc"), "nothing is resolved");
    assert_eq!(rest("/files/a%2Fb/c").as_deref(), Some("a/b/c"));
    assert_eq!(rest("/files"), None);
    assert_eq!(entry(&table, "/files/a/meta"), Some(1));
    assert_eq!(entry(&table, "/files//meta"), Some(0));
}

#[test]
fn an_encoded_slash_stays_inside_its_segment() {
    let table = table(&[("/{a}/{b}", &["GET"]), ("/{a}", &["GET"]), ("/a/b", &["GET"])]);
    assert_eq!(find(&table, "GET", "/a%2Fb"), Some((1, vec!["a/b".to_owned()])));
    assert_eq!(find(&table, "GET", "/a%2fb/c"), Some((0, vec!["a/b".to_owned(), "c".to_owned()])));
}

#[test]
fn head_is_answered_by_get_unless_the_shape_has_its_own() {
    let table = table(&[("/a", &["GET"]), ("/b", &["GET"]), ("/b", &["HEAD"]), ("/{rest:path}", &["HEAD"])]);
    let head = |raw| find(&table, "HEAD", raw).map(|(entry, _)| entry);
    assert_eq!((head("/a"), head("/b"), head("/c")), (Some(0), Some(2), Some(3)));
}

#[test]
fn a_converter_of_the_program_is_asked_last() {
    let mut builder = Table::builder(&["even"]);
    builder.add("/{n:even}/{id:int}", Methods::any()).unwrap();
    builder.add("/{n}/{id}", Methods::of(["GET"])).unwrap();
    let table = builder.build();
    let mut asked = 0;
    let mut find = |text: &str| {
        let mut accept = |entry: usize, captures: &Captures| -> Result<bool, &str> {
            asked += 1;
            assert_eq!(entry, 0);
            let value = &text[captures.get(0).unwrap().indices()];
            value.parse().map(|number: u32| number.is_multiple_of(2)).map_err(|_| "no number")
        };
        table.find(b"GET", text, &mut accept).map(|found| found.unwrap().entry)
    };
    assert_eq!(
        (find("/2/1"), find("/3/1"), find("/x/x"), find("/x/1")),
        (Ok(0), Ok(1), Ok(1), Err("no number"))
    );
    assert_eq!(asked, 3);
}

#[test]
fn a_path_may_be_anything() {
    let table = table(&[("/{a}/{b}", &["GET"]), ("/x/{rest:path}", &["GET"])]);
    let deep = "/a".repeat(10_000);
    for raw in ["*", "//", "///", "a/b", "/", "/a", "/a/", &deep] {
        assert_eq!(entry(&table, raw), None, "{raw:.20}");
    }
    assert_eq!(find(&table, "GET", &format!("/x{deep}")), Some((1, vec![deep[1..].to_owned()])));
    assert_eq!(entry(&Table::builder(&[]).build(), "/"), None);
}

#[test]
fn a_thousand_routes_are_each_found() {
    let patterns: Vec<String> = (0..1000)
        .map(|number| match number % 4 {
            0 => format!("/r{number}"),
            1 => format!("/r{number}/{{id:int}}"),
            2 => format!("/r{number}/{{rest:path}}"),
            _ => format!("/{{a}}/{{b}}/r{number}"),
        })
        .collect();
    let mut builder = Table::builder(&[]);
    for pattern in &patterns {
        builder.add(pattern, Methods::of(["GET"])).unwrap();
    }
    let table = builder.build();
    for (number, pattern) in patterns.iter().enumerate() {
        let raw = pattern
            .replace("{id:int}", "1")
            .replace("{rest:path}", "x/y")
            .replace("{a}", "1")
            .replace("{b}", "2");
        assert_eq!(entry(&table, &raw), Some(number), "{raw}");
    }
}

#[test]
fn a_look_up_allocates_nothing() {
    let table =
        table(&[("/users/{id:int}", &["GET"]), ("/a/{b}/{c}", &["GET"]), ("/f/{rest:path}", &["GET"])]);
    for raw in ["/users/17", "/a/b/c", "/f/a/b", "/f/"] {
        let allocated = allocation_counter::measure(|| {
            let path = Path::new(raw.as_bytes()).unwrap();
            assert!(table.find(b"GET", path.text(), any).unwrap().is_some());
        });
        assert_eq!(allocated.count_total, 0, "{raw}");
    }
}

#[test]
fn a_malformed_pattern_is_an_error_that_names_its_fault() {
    let refused = [
        ("", "a slash at the start"),
        ("a", "a slash at the start"),
        ("/a%20b", "not percent-encoded"),
        ("/a?b", "not percent-encoded"),
        ("/a//b", "an empty segment"),
        ("//", "an empty segment"),
        ("/{a:path}/b", "goes on behind"),
        ("/{a:path}/", "goes on behind"),
        ("/{}", "as a whole segment"),
        ("/{a", "as a whole segment"),
        ("/a}", "as a whole segment"),
        ("/{a}{b}", "as a whole segment"),
        ("/x{a}", "as a whole segment"),
        ("/{1a}", "as a whole segment"),
        ("/{a b}", "as a whole segment"),
        ("/{a}/{a:int}", "two parameters are named \"a\""),
        ("/{a:odd}", "no converter is named \"odd\""),
        ("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", "more than 8 parameters"),
    ];
    for (pattern, reason) in refused {
        let error = Table::builder(&["even"]).add(pattern, Methods::any()).unwrap_err();
        assert!(error.to_string().contains(reason), "{pattern}: {error}");
    }
}
