//! The inside of a start tag: a name and attributes (XML 1.0 section 3.1).

use super::references::resolve;

/// What is wrong in a tag, and at which byte of it.
pub(super) type Fault = (usize, String);

/// An attribute as it is written, with a value whose references are resolved.
#[derive(Debug)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) value: String,
    /// Where its name begins.
    pub(super) place: usize,
}

/// The attributes of a tag, one after the other.
pub(super) struct Attributes<'a> {
    tag: &'a str,
    place: usize,
}

impl<'a> Attributes<'a> {
    /// Reads what follows the name of a tag.
    pub(super) const fn new(tag: &'a str, name_length: usize) -> Self {
        Self { tag, place: name_length }
    }

    /// Returns the next attribute.
    pub(super) fn next(&mut self) -> Result<Option<Attribute<'a>>, Fault> {
        let before = self.place;
        self.skip_space();
        if self.rest().is_empty() {
            return Ok(None);
        }
        let place = self.place;
        if place == before {
            return Err((place, "no space before an attribute".to_owned()));
        }
        let length =
            self.rest().find(|letter: char| letter == '=' || is_space(letter)).unwrap_or(self.rest().len());
        let name = &self.rest()[..length];
        self.place += length;
        self.skip_space();
        if !self.rest().starts_with('=') {
            return Err((self.place, "an attribute without a value".to_owned()));
        }
        self.place += 1;
        self.skip_space();
        let value = self.value()?;
        Ok(Some(Attribute { name, value, place }))
    }

    fn value(&mut self) -> Result<String, Fault> {
        let rest = self.rest();
        let quote = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => quote,
            _ => return Err((self.place, "a value without quotes".to_owned())),
        };
        let start = self.place + 1;
        let Some(length) = rest[1..].find(quote) else {
            return Err((self.place, "a value without an end".to_owned()));
        };
        self.place = start + length + 1;
        normalized(&self.tag[start..start + length]).map_err(|(place, reason)| (start + place, reason))
    }

    fn skip_space(&mut self) {
        self.place = self.tag.len() - self.rest().trim_start_matches(is_space).len();
    }

    fn rest(&self) -> &'a str {
        &self.tag[self.place..]
    }
}

/// Returns the value of an attribute: each line end and tab is a space, unless it is a reference (section 3.3.3).
fn normalized(raw: &str) -> Result<String, Fault> {
    let mut value = String::with_capacity(raw.len());
    let mut place = 0;
    while let Some(found) = raw[place..].find(['&', '<', '\t', '\n']) {
        value.push_str(&raw[place..place + found]);
        place += found;
        match raw.as_bytes()[place] {
            b'<' => return Err((place, "a \"<\" in a value".to_owned())),
            b'&' => {
                let length =
                    raw[place..].find(';').ok_or((place, "a \"&\" that begins no reference".to_owned()))?;
                let reference = &raw[place + 1..place + length];
                value.push(resolve(reference).map_err(|reason| (place, reason))?);
                place += length + 1;
            }
            _ => {
                value.push(' ');
                place += 1;
            }
        }
    }
    value.push_str(&raw[place..]);
    Ok(value)
}

const fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n')
}
