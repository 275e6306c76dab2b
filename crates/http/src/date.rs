//! The `date` field (RFC 9110 sections 5.6.7 and 6.6.1).

/// The length of every date of this form, as in `Sun, 06 Nov 1994 08:49:37 GMT`.
pub const DATE_LENGTH: usize = 29;

const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
const SECONDS_A_DAY: u64 = 86_400;

/// Formats seconds since 1970. Years after 9999 have no such form and become 9999.
///
/// ```
/// assert_eq!(&http::date(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
/// ```
#[must_use]
pub fn date(seconds: u64) -> [u8; DATE_LENGTH] {
    let (days, second) = (seconds / SECONDS_A_DAY, seconds % SECONDS_A_DAY);
    let (year, month, day) = civil(days);
    let mut text = *b"___, __ ___ ____ __:__:__ GMT";
    text[..3].copy_from_slice(DAYS[index(days % 7)]);
    put(&mut text[5..7], day);
    text[8..11].copy_from_slice(MONTHS[index(month)]);
    put(&mut text[12..16], year.min(9999));
    put(&mut text[17..19], second / 3600);
    put(&mut text[20..22], second / 60 % 60);
    put(&mut text[23..25], second % 60);
    text
}

/// Returns year, month from 0 and day from 1 of a day since 1970. Years are counted from March, so that the extra day
/// of leap years comes last; an era is the 400 years after which the calendar repeats.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    (era * 400 + year + u64::from(month < 2), month, day)
}

fn put(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b"0123456789"[index(number % 10)];
        number /= 10;
    }
}

fn index(small: u64) -> usize {
    usize::try_from(small).unwrap_or_default()
}
