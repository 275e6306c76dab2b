//! Random tables and paths, compared with a model that tries every route.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use routing::{Converter, Methods, Path, Pattern, Table};

/// What the names of the program's converters accept, for the table and for the model.
fn accepts_custom(value: &str) -> bool {
    value.len() == 1
}

#[derive(Clone, Debug)]
struct Route {
    pattern: String,
    methods: Vec<&'static str>,
}

/// The parameters if the pattern fits: by splitting both, and nothing else.
fn fit(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let (pattern, path) = (pattern.strip_prefix('/')?, path.strip_prefix('/')?);
    let mut segments = path.split('/');
    for part in pattern.split('/') {
        if part.ends_with(":path}") {
            let rest: Vec<&str> = segments.by_ref().collect();
            if rest.is_empty() {
                return None;
            }
            values.push(rest.join("/").replace('\0', "/"));
            return Some(values);
        }
        let segment = segments.next()?;
        let is_fit = match part {
            _ if !part.starts_with('{') => part == segment,
            _ if segment.is_empty() => false,
            _ if part.ends_with(":int}") => segment.parse::<i64>().is_ok() && !segment.starts_with('+'),
            _ if part.ends_with(":one}") => accepts_custom(segment),
            _ => true,
        };
        if !is_fit {
            return None;
        }
        if part.starts_with('{') {
            values.push(segment.replace('\0', "/"));
        }
    }
    segments.next().is_none().then_some(values)
}

/// The kinds of the segments, in the order of precedence.
fn precedence(pattern: &str) -> Vec<u8> {
    let kind = |part: &str| if !part.starts_with('{') { 0 } else { 1 + u8::from(part.ends_with(":path}")) };
    pattern.split('/').skip(1).map(kind).collect()
}

/// The entry for a request by the model: the best shape that has one, and in it the first route.
fn expected(routes: &[Route], method: &str, path: &str) -> Option<(usize, Vec<String>)> {
    let mut fits: Vec<(Vec<u8>, usize, Vec<String>)> = Vec::new();
    for (number, route) in routes.iter().enumerate() {
        if let Some(values) = fit(&route.pattern, path) {
            fits.push((precedence(&route.pattern), number, values));
        }
    }
    fits.sort();
    let mut shapes: Vec<Vec<u8>> = fits.iter().map(|(shape, ..)| shape.clone()).collect();
    shapes.dedup();
    for shape in shapes {
        for wanted in [method, if method == "HEAD" { "GET" } else { method }] {
            let found = fits
                .iter()
                .find(|(own, number, _)| *own == shape && routes[*number].methods.contains(&wanted));
            if let Some((_, number, values)) = found {
                return Some((*number, values.clone()));
            }
        }
    }
    None
}

fn table_of(routes: &[Route]) -> Table {
    let mut builder = Table::builder(&["one"]);
    for route in routes {
        builder.add(&route.pattern, Methods::of(&route.methods)).unwrap();
    }
    builder.build()
}

fn pattern() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "ab", "1", "caf\u{e9}"]).prop_map(str::to_owned),
        2 => Just("{}".to_owned()),
        1 => Just("{:int}".to_owned()),
        1 => Just("{:one}".to_owned()),
    ];
    let end = prop::sample::select(vec!["", "/", "/{:path}"]);
    (prop::collection::vec(part, 0..4), end).prop_map(|(parts, end)| {
        let mut text: String = parts.iter().map(|part| format!("/{part}")).collect::<String>() + end;
        if text.is_empty() {
            text.push('/');
        }
        let mut number = 0;
        while let Some(at) = text.find("{:").or_else(|| text.find("{}")) {
            text.insert_str(at + 1, &format!("p{number}"));
            number += 1;
        }
        text
    })
}

fn path() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a",
        "b",
        "ab",
        "1",
        "-2",
        "caf%C3%A9",
        "%61",
        "a%2Fb",
        "%2f",
        "",
        "..",
        ".",
        "{",
        "}",
        "*",
        "{p0}",
        "c",
    ]);
    prop::collection::vec(part, 0..5).prop_map(|parts| format!("/{}", parts.join("/")))
}

fn route() -> impl Strategy<Value = Route> {
    let methods = prop::sample::subsequence(vec!["GET", "HEAD", "POST", "PURGE"], 1..3);
    (pattern(), methods).prop_map(|(pattern, methods)| Route { pattern, methods })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_table_finds_what_the_model_finds(
        routes in prop::collection::vec(route(), 0..12),
        paths in prop::collection::vec(path(), 1..12),
    ) {
        let table = table_of(&routes);
        for raw in &paths {
            let path = Path::new(raw.as_bytes()).unwrap();
            let accept = |entry: usize, captures: &routing::Captures| {
                let pairs = table.parameters(entry).iter().zip(captures.as_slice());
                let mut custom = pairs.filter(|(parameter, _)| parameter.converter == Converter::Custom(0));
                Ok::<_, ()>(custom.all(|(_, range)| accepts_custom(&path.text()[range.indices()])))
            };
            let mut allowed = Vec::new();
            for method in ["GET", "HEAD", "POST", "PURGE", "OTHER"] {
                let found = table.find(method.as_bytes(), path.text(), accept).unwrap();
                let found = found.map(|found| {
                    let values = found.captures.as_slice().iter().map(|range| path.value(*range).into_owned());
                    (found.entry, values.collect::<Vec<_>>())
                });
                let model = expected(&routes, method, path.text());
                prop_assert_eq!(&found, &model, "{} {}", method, raw);
                if model.is_some() {
                    allowed.push(method);
                }
            }
            let names = table.allowed(path.text(), accept).unwrap();
            prop_assert_eq!(names.names().collect::<Vec<_>>(), allowed, "{}", raw);
        }
    }

    #[test]
    fn any_pattern_is_refused_or_serves(text in "(/|\\{|\\}|[a-c:*%]|path|int|\u{0}){0,12}", raw in "/[a-c/%{}*]{0,8}") {
        let mut builder = Table::builder(&[]);
        let added = builder.add(&text, Methods::any());
        let pattern = Pattern::new(&text, &[]);
        prop_assert_eq!(added.is_ok(), pattern.is_ok());
        if let (Ok(pattern), Ok(path)) = (pattern, Path::new(raw.as_bytes())) {
            let found = builder.build().find(b"GET", path.text(), |_, _| Ok::<_, ()>(true)).unwrap();
            let captures = pattern.captures(path.text()).filter(|captures| {
                let mut pairs = pattern.parameters().iter().zip(captures.as_slice());
                pairs.all(|(parameter, range)| parameter.converter.accepts(&path.text()[range.indices()]))
            });
            prop_assert_eq!(found.map(|found| found.captures), captures, "{} {}", text, raw);
        }
    }
}
