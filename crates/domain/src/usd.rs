//! Amounts of US dollars in whole millionths, so that sums of model usage are exact.

use std::fmt;
use std::iter::Sum;

use serde::{Deserialize, Serialize};

/// An amount of US dollars, stored as whole millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Usd(i64);

impl Usd {
    /// Zero dollars, the neutral element of sums.
    pub const ZERO: Self = Self(0);

    /// Creates an amount from millionths of a dollar.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The amount in millionths of a dollar.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Converts dollars, the unit of vendors' APIs, rounding to the millionth.
    #[must_use]
    pub fn from_dollars(dollars: f64) -> Self {
        // The cast saturates and turns NaN into zero.
        Self((dollars * 1e6).round() as i64)
    }

    /// The amount in dollars, the unit of vendors' APIs.
    #[must_use]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Adds two amounts, saturating at the maximum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Subtracts `other`, saturating at zero.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).max(0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::plus)
    }
}

impl fmt::Display for Usd {
    /// Writes dollars and rounded cents without a currency sign: `1.20`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.dollars())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_rounded_to_micros_and_cents() {
        for (dollars, micros, text) in
            [(5.0, 5_000_000, "5.00"), (0.1 + 0.2, 300_000, "0.30"), (1.254_999_9, 1_255_000, "1.25")]
        {
            let usd = Usd::from_dollars(dollars);
            assert_eq!((usd.micros(), usd.to_string().as_str()), (micros, text));
        }
        assert_eq!(Usd::from_dollars(f64::NAN), Usd::ZERO);
        assert_eq!(Usd::from_micros(3).saturating_sub(Usd::from_micros(5)), Usd::ZERO);
        assert_eq!([Usd::from_micros(3), Usd::from_micros(4)].into_iter().sum::<Usd>(), Usd::from_micros(7));
    }
}
