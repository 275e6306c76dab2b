//! Events of valid requests and errors of invalid ones: a table for each part of RFC 9110 and RFC 9112 that a server
//! can break, and properties over all their inputs.

mod chunks;
mod fields;
mod framing;
mod limits;
mod line;
mod persistence;
mod pipelines;
mod reading;
mod splits;

use reading::{Vector, read_whole};

fn tables() -> impl Iterator<Item = &'static Vector> {
    [line::TABLE, fields::TABLE, framing::TABLE, chunks::TABLE, persistence::TABLE].into_iter().flatten()
}

#[test]
fn every_input_is_read_as_its_rule_says() {
    let mut broken = Vec::new();
    for vector in tables() {
        let reads = read_whole(vector.input);
        if reads != vector.reads {
            broken.push(format!("{} {}: {reads} is not {}", vector.section, vector.rule, vector.reads));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_vector_names_the_section_of_its_rule() {
    for vector in tables() {
        let (rfc, section) = vector.section.split_once(':').expect("an RFC and a section");
        assert!(["9110", "9112", "3986", "6585", "5789"].contains(&rfc), "{}", vector.section);
        assert!(section.chars().all(|part| part.is_ascii_digit() || part == '.'), "{}", vector.section);
    }
}
