//! Numbers as text, without the machinery of `format!`: a line has several of them.

/// Appends a whole number.
pub(super) fn whole(number: u64, out: &mut Vec<u8>) {
    padded(number, 1, out);
}

/// Appends a whole number with so many digits at least.
pub(super) fn padded(mut number: u64, digits: usize, out: &mut Vec<u8>) {
    let mut buffer = [b'0'; 20];
    let mut start = buffer.len();
    while number > 0 {
        start -= 1;
        buffer[start] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    let start = start.min(buffer.len().saturating_sub(digits));
    out.extend_from_slice(&buffer[start..]);
}

/// Appends nanoseconds as a number of units of `10^exponent` of them, rounded to so many decimals.
pub(super) fn decimal(nanoseconds: u64, exponent: u32, digits: usize, out: &mut Vec<u8>) {
    let digits = u32::try_from(digits).unwrap_or(exponent).min(exponent);
    let last = 10_u64.pow(exponent - digits);
    let rounded = nanoseconds.saturating_add(last / 2) / last;
    let scale = 10_u64.pow(digits);
    whole(rounded / scale, out);
    if digits > 0 {
        out.push(b'.');
        padded(rounded % scale, digits as usize, out);
    }
}
