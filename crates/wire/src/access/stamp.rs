//! A time of day in the forms of logs: made once a second, since many lines share it. The clock and the time zone are the
//! driver's.

use super::number;

/// A second of local time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LocalTime {
    /// 2026.
    pub year: u64,
    /// From 1.
    pub month: u64,
    /// From 1.
    pub day: u64,
    /// 0 to 23.
    pub hour: u64,
    /// 0 to 59.
    pub minute: u64,
    /// 0 to 60.
    pub second: u64,
    /// Seconds east of UTC.
    pub offset: i64,
}

/// A second as logs write it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stamp {
    /// `2026-11-30T11:17:57+0100`.
    pub(super) iso: String,
    /// The same and a space, with which a line begins.
    pub(super) lead: String,
    /// `[30/Nov/2026:11:17:57 +0100]`, of the common log format.
    pub(super) common: String,
    /// `2026-11-30T11:17:57`.
    pub(super) before_fraction: String,
    /// `+01:00`.
    pub(super) after_fraction: String,
}

/// Appends a number with so many digits at least.
fn padded(number: u64, digits: usize, out: &mut String) {
    let mut text = Vec::new();
    number::padded(number, digits, &mut text);
    out.extend(text.into_iter().map(char::from));
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Stamp {
    /// Returns the forms of a second.
    #[must_use]
    pub fn new(time: &LocalTime) -> Self {
        let mut clock = String::new();
        for (number, separator) in [(time.hour, ":"), (time.minute, ":"), (time.second, "")] {
            padded(number, 2, &mut clock);
            clock.push_str(separator);
        }
        let minutes = time.offset.unsigned_abs() / 60;
        let sign = if time.offset < 0 { "-" } else { "+" };
        let (mut offset, mut with_colon) = (String::from(sign), String::from(sign));
        padded(minutes / 60, 2, &mut offset);
        padded(minutes / 60, 2, &mut with_colon);
        with_colon.push(':');
        padded(minutes % 60, 2, &mut offset);
        padded(minutes % 60, 2, &mut with_colon);
        let mut date = String::new();
        for (number, digits, separator) in [(time.year, 4, "-"), (time.month, 2, "-"), (time.day, 2, "T")] {
            padded(number, digits, &mut date);
            date.push_str(separator);
        }
        let month = usize::try_from(time.month).ok().and_then(|month| MONTHS.get(month.wrapping_sub(1)));
        let mut common = String::from("[");
        padded(time.day, 2, &mut common);
        common.extend(["/", month.unwrap_or(&"-"), "/"]);
        padded(time.year, 4, &mut common);
        common.extend([":", &clock, " ", &offset, "]"]);
        let before_fraction = date + &clock;
        let iso = before_fraction.clone() + &offset;
        let lead = iso.clone() + " ";
        Self { iso, lead, common, before_fraction, after_fraction: with_colon }
    }
}
