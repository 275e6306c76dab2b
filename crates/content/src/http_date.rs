//! Dates in fields (RFC 9110 section 5.6.7): the three forms that a recipient must accept.

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SECONDS_A_DAY: i64 = 86_400;

/// Returns a date as seconds since 1970, or `None` if it has none of the three forms. A year of two digits is the latest
/// that is at most 50 years after `now`, as the RFC requires. The name of the day is read and not compared.
///
/// ```
/// let now = 1_700_000_000;
/// assert_eq!(content::http_date::parse_date(b"Sun, 06 Nov 1994 08:49:37 GMT", now), Some(784_111_777));
/// assert_eq!(content::http_date::parse_date(b"Sunday, 06-Nov-94 08:49:37 GMT", now), Some(784_111_777));
/// assert_eq!(content::http_date::parse_date(b"Sun Nov  6 08:49:37 1994", now), Some(784_111_777));
/// assert_eq!(content::http_date::parse_date(b"yesterday", now), None);
/// ```
#[must_use]
pub fn parse_date(value: &[u8], now: i64) -> Option<i64> {
    let text = str::from_utf8(value).ok().filter(|text| text.is_ascii())?;
    match text.split_once(", ") {
        Some((day, rest)) if rest.as_bytes().get(2) == Some(&b' ') => fixdate(day, rest),
        Some((day, rest)) => rfc850(day, rest, now),
        None => asctime(text),
    }
}

/// `Sun` and `06 Nov 1994 08:49:37 GMT`.
fn fixdate(day: &str, rest: &str) -> Option<i64> {
    is_short_day(day).then_some(())?;
    let parts: [&str; 5] = exactly(rest.split(' '))?;
    let [date, month, year, time, "GMT"] = parts else { return None };
    seconds(digits(year, 4)?, month, digits(date, 2)?, time)
}

/// `Sunday` and `06-Nov-94 08:49:37 GMT`.
fn rfc850(day: &str, rest: &str, now: i64) -> Option<i64> {
    DAYS.contains(&day).then_some(())?;
    let [dates, time, "GMT"] = exactly(rest.split(' '))? else { return None };
    let [date, month, year] = exactly(dates.split('-'))?;
    let (year, date) = (digits(year, 2)?, digits(date, 2)?);
    let this_year = year_of(now);
    let century = this_year.div_euclid(100) * 100;
    // The candidates are a century apart, and only one of them is between 50 years ago and 50 years from now.
    let year = [century + 100, century, century - 100]
        .into_iter()
        .map(|century| century + year)
        .find(|year| *year <= this_year + 50)?;
    seconds(year, month, date, time)
}

/// `Sun Nov  6 08:49:37 1994`.
fn asctime(text: &str) -> Option<i64> {
    let (start, rest) = (text.get(..8)?, text.get(8..)?);
    let [day, month, ""] = exactly(start.split(' '))? else { return None };
    is_short_day(day).then_some(())?;
    let (date, rest) = (rest.get(..2)?, rest.get(2..)?.strip_prefix(' ')?);
    let date = match date.strip_prefix(' ') {
        Some(digit) => digits(digit, 1)?,
        None => digits(date, 2)?,
    };
    let [time, year] = exactly(rest.split(' '))?;
    seconds(digits(year, 4)?, month, date, time)
}

fn is_short_day(day: &str) -> bool {
    DAYS.iter().any(|known| &known[..3] == day)
}

fn exactly<'a, const N: usize>(parts: impl Iterator<Item = &'a str>) -> Option<[&'a str; N]> {
    parts.take(N + 1).collect::<Vec<_>>().try_into().ok()
}

fn digits(text: &str, length: usize) -> Option<i64> {
    let is_number = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// Returns the seconds of a date and of a time as in `08:49:37`. A leap second counts as the second before it.
fn seconds(year: i64, month: &str, date: i64, time: &str) -> Option<i64> {
    let month = i64::try_from(MONTHS.iter().position(|known| *known == month)?).ok()?;
    let [hour, minute, second] = exactly(time.split(':'))?;
    let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);
    let day = days(year, month, date);
    let is_date =
        date >= 1 && day < if month == 11 { days(year + 1, 0, 1) } else { days(year, month + 1, 1) };
    (is_date && hour < 24 && minute < 60 && second <= 60)
        .then(|| day * SECONDS_A_DAY + hour * 3600 + minute * 60 + second.min(59))
}

/// Returns the days from 1970 to a date, with months from 0. Years are counted from March, so that the extra day of leap
/// years comes last; the calendar repeats after 400 years.
fn days(year: i64, month: i64, date: i64) -> i64 {
    let year = if month < 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 10) % 12) + 2) / 5 + date - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Returns the year of seconds since 1970.
fn year_of(now: i64) -> i64 {
    let day = now.div_euclid(SECONDS_A_DAY);
    // The mean year of the calendar gives the year, or one beside it at a turn of years.
    let near = 1970 + day * 400 / 146_097;
    (near - 1..=near + 1).rev().find(|year| days(*year, 0, 1) <= day).unwrap_or(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_796_000_000; // in November of 2026

    #[test]
    fn two_digits_are_the_nearest_year_that_is_not_far_ahead() {
        let year = |text: &str| parse_date(text.as_bytes(), NOW).map(year_of);
        assert_eq!(year("Sunday, 06-Nov-26 08:49:37 GMT"), Some(2026));
        assert_eq!(year("Sunday, 06-Nov-76 08:49:37 GMT"), Some(2076));
        assert_eq!(year("Sunday, 06-Nov-77 08:49:37 GMT"), Some(1977));
        assert_eq!(year("Sunday, 06-Nov-00 08:49:37 GMT"), Some(2000));
    }

    #[test]
    fn days_follow_each_other() {
        let months = (1600..2500).flat_map(|year| (0..12).map(move |month| (year, month)));
        let mut last = days(1600, 0, 1) - 31;
        for (year, month) in months {
            let first = days(year, month, 1);
            assert!((28..=31).contains(&(first - last)), "{year} {month}");
            assert_eq!(year_of(first * SECONDS_A_DAY), year);
            last = first;
        }
        assert_eq!(days(1970, 0, 1), 0);
        assert_eq!(days(2000, 1, 29) + 1, days(2000, 2, 1));
        assert_eq!(days(1900, 1, 28) + 1, days(1900, 2, 1));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Son, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49:+7 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  6 08:49:37 94",
            "Sün Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse_date(text.as_bytes(), NOW), None, "{text}");
        }
        assert!(parse_date(b"Sun, 29 Feb 2004 23:59:60 GMT", NOW).is_some());
    }
}
