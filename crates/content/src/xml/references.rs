//! References: the five entities and characters by number (XML 1.0 sections 4.1 and 4.6).

use super::characters::is_legal;

/// Returns the character that a reference stands for, without its `&` and `;`. The error is the end of a sentence.
pub(super) fn resolve(reference: &str) -> Result<char, String> {
    Ok(match reference {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => match reference.strip_prefix('#') {
            Some(number) => character(number).ok_or("a reference to no character")?,
            None => return Err("an entity that is not one of the five".to_owned()),
        },
    })
}

fn character(number: &str) -> Option<char> {
    let (digits, base) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // `from_str_radix` takes a sign.
    let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base));
    let number = if is_number { u32::from_str_radix(digits, base).ok()? } else { return None };
    char::from_u32(number).filter(|character| is_legal(*character))
}
