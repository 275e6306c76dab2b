//! Looks up the same path many times, so that its instructions can be counted:
//!
//! `valgrind --tool=callgrind target/release/examples/routes 10000` looks up `/users/{id:int}` in a table of 500 routes;
//! the further arguments `alone` and `fixed` use a table with this route only, and one with a route without parameter.

use std::hint::black_box;

use routing::{Methods, Path, Table};

const OTHERS: usize = 499;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(1_000);
    let kind = arguments.next().unwrap_or_default();
    let (pattern, path): (&str, &[u8]) =
        if kind == "fixed" { ("/plaintext", b"/plaintext") } else { ("/users/{id:int}", b"/users/17") };
    let table = table(pattern, if kind.is_empty() { OTHERS } else { 0 });
    for _ in 0..rounds {
        let path = Path::new(black_box(path));
        let found = path.map(|path| table.find(b"GET", path.text(), |_, _| Ok::<_, ()>(true)));
        assert!(matches!(black_box(found), Ok(Ok(Some(_)))));
    }
}

/// A table like that of a large application: resources with an item, a list and an action each.
fn table(pattern: &str, others: usize) -> Table {
    let mut builder = Table::builder(&[]);
    let patterns = (0..others).map(|number| match number % 3 {
        0 => format!("/api/v1/resource{}", number / 3),
        1 => format!("/api/v1/resource{}/{{id:int}}", number / 3),
        _ => format!("/api/v1/resource{}/{{id:int}}/action/{{name}}", number / 3),
    });
    for pattern in patterns.chain([pattern.to_owned()]) {
        let added = builder.add(&pattern, Methods::of(["GET"]));
        assert!(added.is_ok(), "{pattern}");
    }
    builder.build()
}
