//! What the process says: lines of JSON on stdout for the parent, words on stderr for people. It knows no
//! contents.

use std::io::{self, Write};

use crate::failure::{Doing, Failure};

/// One line on stdout, at once: the parent waits for it.
pub(crate) fn line(json: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{json}").and_then(|()| stdout.flush()).doing("writing to stdout")
}

/// The line that stands for an answer that will not come.
pub(crate) fn error(failure: &Failure) -> Result<(), Failure> {
    let (status, text) = (failure.status(), escaped(&failure.to_string()));
    line(&format!("{{\"error\": \"{text}\", \"status\": \"{status}\"}}"))
}

/// For people; the exit code says the same to programs, so a closed stderr changes nothing.
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
