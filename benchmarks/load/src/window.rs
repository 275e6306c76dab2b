//! How long a client runs, how often, and its answers.
//!
//! A client is asked either once, on the command line, or again and again on stdin, over the same connections. Between
//! two windows nothing is under way, so the parent can read the server's clock while the server is idle. Operations are
//! defined elsewhere.

use std::io;
use std::time::{Duration, Instant};

use crate::answer;
use crate::failure::{Doing, Failure};
use crate::histogram::Histogram;
use crate::options::Arguments;

/// The size of one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Extent {
    Time(Duration),
    Operations(u64),
}

/// Where the size of a window comes from.
#[derive(Debug)]
pub(crate) enum Asked {
    Once(Extent),
    OnStdin,
}

/// Decides whether another operation may begin.
#[derive(Debug)]
pub(crate) struct Window {
    begun: Instant,
    extent: Extent,
    admitted: u64,
}

/// The result of a window.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) operations: u64,
    pub(crate) elapsed: Duration,
    pub(crate) latencies: Histogram,
    /// Connections that broke.
    pub(crate) errors: u64,
    /// Datagrams that had to be sent again.
    pub(crate) lost: u64,
    /// CPU time that a spinning client spent on empty polls; the rest of its CPU time is its work.
    pub(crate) spun: Duration,
}

impl Asked {
    /// Takes `--seconds`, `--operations` or `--stdin`; exactly one is required.
    pub(crate) fn from(arguments: &mut Arguments) -> Result<Self, Failure> {
        let seconds: Option<String> = arguments.value("--seconds")?;
        let operations: Option<String> = arguments.value("--operations")?;
        match (seconds, operations, arguments.flag("--stdin")) {
            (Some(text), None, false) => Ok(Self::Once(Extent::parse("seconds", &text)?)),
            (None, Some(text), false) => Ok(Self::Once(Extent::parse("operations", &text)?)),
            (None, None, true) => Ok(Self::OnStdin),
            _ => Err(Failure::Usage("one of --seconds, --operations, --stdin is needed".into())),
        }
    }

    /// Runs the windows and answers each one. With `--stdin`, `connections` is reported first.
    pub(crate) fn serve(
        &self,
        connections: usize,
        mut run: impl FnMut(Extent) -> Result<Outcome, Failure>,
    ) -> Result<(), Failure> {
        let extent = match self {
            Self::Once(extent) => *extent,
            Self::OnStdin => {
                answer::line(&format!("{{\"connections\": {connections}}}"))?;
                for line in io::stdin().lines() {
                    let extent = Extent::of_line(&line.doing("reading stdin")?)?;
                    answer::line(&run(extent)?.to_json())?;
                }
                return Ok(());
            }
        };
        answer::line(&run(extent)?.to_json())
    }
}

impl Extent {
    fn of_line(line: &str) -> Result<Self, Failure> {
        let (unit, text) = line.trim().split_once(' ').unwrap_or((line, ""));
        Self::parse(unit, text)
    }

    fn parse(unit: &str, text: &str) -> Result<Self, Failure> {
        let refused = |why: &str| Failure::Usage(format!("{unit} {text}: {why}"));
        match unit {
            "seconds" => {
                let seconds: f64 = text.parse().map_err(|_| refused("not a number"))?;
                let time =
                    Duration::try_from_secs_f64(seconds).map_err(|error| refused(&error.to_string()))?;
                Ok(Self::Time(time))
            }
            "operations" => text.parse().map(Self::Operations).map_err(|_| refused("not a whole number")),
            _ => Err(refused("neither `seconds S` nor `operations K`")),
        }
    }
}

impl Window {
    pub(crate) fn new(extent: Extent) -> Self {
        Self { begun: Instant::now(), extent, admitted: 0 }
    }

    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    /// Counts the operation if it returns true.
    #[inline]
    pub(crate) fn admits(&mut self, now: Instant) -> bool {
        let is_open = match self.extent {
            Extent::Time(time) => now.duration_since(self.begun) < time,
            Extent::Operations(operations) => self.admitted < operations,
        };
        self.admitted += u64::from(is_open);
        is_open
    }

    /// Closes the window after the last operation.
    pub(crate) fn close(self, latencies: Histogram, errors: u64) -> Outcome {
        let elapsed = self.begun.elapsed();
        let operations = self.admitted - errors;
        Outcome { operations, elapsed, latencies, errors, lost: 0, spun: Duration::ZERO }
    }
}

impl Outcome {
    fn to_json(&self) -> String {
        let [p50, p90, p99] = [50, 90, 99].map(|percent| self.latencies.percentile(percent));
        format!(
            "{{\"operations\": {}, \"seconds\": {:.9}, \
             \"p50_ns\": {p50}, \"p90_ns\": {p90}, \"p99_ns\": {p99}, \"max_ns\": {}, \
             \"errors\": {}, \"lost\": {}, \"spun_seconds\": {:.9}}}",
            self.operations,
            self.elapsed.as_secs_f64(),
            self.latencies.highest(),
            self.errors,
            self.lost,
            self.spun.as_secs_f64(),
        )
    }
}

/// Converts a time for the histogram. A time of more than 500 years is an error, which the maximum shows well enough.
#[inline]
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_stdin_are_extents() {
        assert_eq!(Extent::of_line("operations 20").unwrap(), Extent::Operations(20));
        assert_eq!(Extent::of_line("seconds 0.25\n").unwrap(), Extent::Time(Duration::from_millis(250)));
    }

    #[test]
    fn other_lines_are_refused_by_name() {
        for line in ["", "seconds", "seconds -1", "operations 1.5", "hours 3"] {
            assert!(matches!(Extent::of_line(line), Err(Failure::Usage(_))), "{line:?}");
        }
    }

    #[test]
    fn exactly_one_extent_is_needed() {
        let asked = |line: &str| Asked::from(&mut Arguments::new(line.split_whitespace().map(String::from)));
        assert!(matches!(asked("--operations 3").unwrap(), Asked::Once(Extent::Operations(3))));
        assert!(matches!(asked("--stdin").unwrap(), Asked::OnStdin));
        asked("").unwrap_err();
        asked("--stdin --seconds 1").unwrap_err();
    }

    #[test]
    fn a_window_of_operations_admits_that_many() {
        let mut window = Window::new(Extent::Operations(2));
        let now = window.begun();
        assert_eq!([(); 4].map(|()| window.admits(now)), [true, true, false, false]);
        assert_eq!(window.close(Histogram::new(), 1).operations, 1);
    }

    #[test]
    fn a_window_of_time_admits_until_it_is_over() {
        let mut window = Window::new(Extent::Time(Duration::from_secs(1)));
        let begun = window.begun();
        assert!(window.admits(begun));
        assert!(!window.admits(begun + Duration::from_secs(1)));
    }
}
