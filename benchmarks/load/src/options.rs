//! The command line: options taken by name, in any order, until none is left.
//!
//! Each command takes its options and then calls `finish`, which reports those that are left. Commands and options are
//! not known here. A library for this would be longer than the commands.

use std::fmt::Display;
use std::str::FromStr;

use crate::failure::Failure;

/// The arguments that are not taken yet.
#[derive(Debug)]
pub(crate) struct Arguments {
    left: Vec<String>,
}

impl Arguments {
    pub(crate) fn new(words: impl Iterator<Item = String>) -> Self {
        // `--size=64` and `--size 64` are equivalent.
        let split = |word: String| match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => vec![name.into(), value.into()],
            _ => vec![word],
        };
        Self { left: words.flat_map(split).collect() }
    }

    /// Returns the first word.
    pub(crate) fn command(&mut self) -> Result<String, Failure> {
        if self.left.first().is_none_or(|word| word.starts_with("--")) {
            return Err(Failure::Usage("the first word must be a command".into()));
        }
        Ok(self.left.remove(0))
    }

    /// Returns the value of an optional option.
    pub(crate) fn value<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<Option<T>, Failure> {
        let Some(place) = self.left.iter().position(|word| word == name) else {
            return Ok(None);
        };
        self.left.remove(place);
        if self.left.iter().any(|word| word == name) {
            return Err(Failure::Usage(format!("{name} is given twice")));
        }
        if self.left.get(place).is_none_or(|word| word.starts_with("--")) {
            return Err(Failure::Usage(format!("{name} has no value")));
        }
        let text = self.left.remove(place);
        text.parse().map(Some).map_err(|error| Failure::Usage(format!("{name} {text}: {error}")))
    }

    /// Returns the value of a required option.
    pub(crate) fn required<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<T, Failure> {
        self.value(name)?.ok_or_else(|| Failure::Usage(format!("{name} is missing")))
    }

    /// Returns a count of at least 1.
    pub(crate) fn count(&mut self, name: &str, default: usize) -> Result<usize, Failure> {
        match self.value(name)?.unwrap_or(default) {
            0 => Err(Failure::Usage(format!("{name} 0: at least 1 is needed"))),
            count => Ok(count),
        }
    }

    /// Returns whether an option without a value was given.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let place = self.left.iter().position(|word| word == name);
        place.map(|place| self.left.remove(place)).is_some()
    }

    /// Ends the command line, when every known option has been taken.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self.left.first() {
            None => Ok(()),
            Some(word) => Err(Failure::Usage(format!("unknown option {word:?}, or one with no place here"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Arguments {
        Arguments::new(line.split_whitespace().map(String::from))
    }

    fn complaint<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn options_are_taken_in_any_order_and_either_form() {
        let mut given = arguments("echo --size=64 --spin --connections 3");
        assert_eq!(given.command().unwrap(), "echo");
        assert_eq!(given.value("--connections").unwrap(), Some(3));
        assert_eq!(given.required::<usize>("--size").unwrap(), 64);
        assert!(given.flag("--spin"));
        assert!(!given.flag("--stdin"));
        given.finish().unwrap();
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        assert_eq!(arguments("").count("--size", 7).unwrap(), 7);
        assert_eq!(arguments("").value::<u16>("--port").unwrap(), None);
    }

    #[test]
    fn complaints_name_what_was_wrong() {
        assert_eq!(complaint(arguments("--size 1").command()), "the first word must be a command");
        assert_eq!(complaint(arguments("").required::<u16>("--port")), "--port is missing");
        assert_eq!(complaint(arguments("--port --spin").value::<u16>("--port")), "--port has no value");
        assert_eq!(complaint(arguments("--port").value::<u16>("--port")), "--port has no value");
        assert_eq!(complaint(arguments("--size 0").count("--size", 1)), "--size 0: at least 1 is needed");
        assert_eq!(complaint(arguments("--port 1 --port 2").value::<u16>("--port")), "--port is given twice");
        assert!(complaint(arguments("--port 66000").value::<u16>("--port")).starts_with("--port 66000: "));
        assert!(complaint(arguments("--prot 1").finish()).contains("\"--prot\""));
    }
}
