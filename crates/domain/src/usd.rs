//! US dollars to the millionth: what model credit is counted in. Whole numbers, so that sums are exact.

use std::fmt;
use std::iter::Sum;

use serde::{Deserialize, Serialize};

/// An amount of US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Usd(i64);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From millionths of a dollar.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// In millionths of a dollar.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// From dollars, as vendors write them, rounded to the millionth.
    #[must_use]
    pub fn from_dollars(dollars: f64) -> Self {
        // `as` saturates, and makes zero of what is not a number.
        Self((dollars * 1e6).round() as i64)
    }

    /// In dollars, as vendors want them.
    #[must_use]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left after `other` is taken away; never less than nothing.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).max(0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::plus)
    }
}

impl fmt::Display for Usd {
    /// Dollars and cents, rounded: `1.20`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.dollars())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_and_written() {
        for (dollars, micros, text) in
            [(5.0, 5_000_000, "5.00"), (0.1 + 0.2, 300_000, "0.30"), (1.254_999_9, 1_255_000, "1.25")]
        {
            let usd = Usd::from_dollars(dollars);
            assert_eq!((usd.micros(), usd.to_string().as_str()), (micros, text));
        }
        assert_eq!(Usd::from_dollars(f64::NAN), Usd::ZERO);
        assert_eq!(Usd::from_micros(3).less(Usd::from_micros(5)), Usd::ZERO);
        assert_eq!([Usd::from_micros(3), Usd::from_micros(4)].into_iter().sum::<Usd>(), Usd::from_micros(7));
    }
}
