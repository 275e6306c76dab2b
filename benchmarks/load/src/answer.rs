//! The output of the process: lines of JSON on stdout for the parent, text on stderr for people.

use std::io::{self, Write};

use crate::failure::{Doing, Failure};

/// Writes one line on stdout at once, since the parent waits for it.
pub(crate) fn line(json: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{json}").and_then(|()| stdout.flush()).doing("writing to stdout")
}

/// Writes the line that replaces an answer after an error.
pub(crate) fn error(failure: &Failure) -> Result<(), Failure> {
    let (status, text) = (failure.status(), escaped(&failure.to_string()));
    line(&format!("{{\"error\": \"{text}\", \"status\": \"{status}\"}}"))
}

/// Writes a text for people; programs use the exit code, so a closed stderr changes nothing.
pub(crate) fn complain(text: &str) {
    drop(writeln!(io::stderr(), "vitok-load: {text}"));
}

fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|character| match character {
            '"' | '\\' => vec!['\\', character],
            _ if character.is_control() => vec![' '],
            _ => vec![character],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_line_ends_do_not_break_the_line() {
        assert_eq!(escaped("a \"b\" \\ c\nd"), "a \\\"b\\\" \\\\ c d");
    }
}
