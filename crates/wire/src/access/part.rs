//! The parts of a format. How they are read and written is not known here.

use super::atoms::Atom;

/// A part of a line.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Part {
    Text(Box<str>),
    Atom(Atom, Conversion),
}

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Conversion {
    /// Filled up on the right instead of on the left.
    pub(super) is_left: bool,
    /// Filled up by zeros.
    pub(super) is_zero: bool,
    pub(super) width: usize,
    /// The decimals of a number, or the characters of a text at most.
    pub(super) precision: Option<usize>,
    /// Without decimals.
    pub(super) is_whole: bool,
    /// With decimals, six unless the precision says otherwise.
    pub(super) is_decimal: bool,
}

impl Conversion {
    /// `%s`.
    pub(super) const PLAIN: Self = Self {
        is_left: false,
        is_zero: false,
        width: 0,
        precision: None,
        is_whole: false,
        is_decimal: false,
    };

    /// Returns whether the letter is one for numbers.
    pub(super) const fn is_number(self) -> bool {
        self.is_whole || self.is_decimal
    }

    /// Returns whether the value is filled up or cut.
    pub(super) const fn is_filled(self) -> bool {
        self.width > 0 || (self.precision.is_some() && !self.is_number())
    }
}
