//! Numbers as text, without the machinery of `format!`: a line has several of them.

/// Appends a whole number.
pub(super) fn whole(number: u64, out: &mut String) {
    padded(number, 1, out);
}

/// Appends a whole number with so many digits at least.
pub(super) fn padded(mut number: u64, digits: usize, out: &mut String) {
    let mut buffer = [b'0'; 20];
    let mut start = buffer.len();
    while number > 0 || buffer.len() - start < digits.min(buffer.len()) {
        start -= 1;
        let digit = (number % 10) as u8;
        buffer[start] = b'0' + digit;
        number /= 10;
    }
    out.push_str(str::from_utf8(&buffer[start..]).unwrap_or_default());
}

/// Appends a number with decimals, rounded.
pub(super) fn decimal(value: f64, digits: usize, out: &mut String) {
    let digits = digits.min(9);
    let scale = 10_u64.pow(u32::try_from(digits).unwrap_or(0));
    #[expect(clippy::cast_precision_loss, reason = "at most a thousand million")]
    let scaled = (value * scale as f64).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is positive, and a cast saturates"
    )]
    let scaled = scaled as u64;
    whole(scaled / scale, out);
    if digits > 0 {
        out.push('.');
        padded(scaled % scale, digits, out);
    }
}
