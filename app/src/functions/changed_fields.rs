//! Which fields of a form were changed in it. The form carries a fingerprint of each value that it was rendered with, because the
//! values can be long; a field that differs was changed in the form, and every other one may have been changed elsewhere meanwhile.

use reef_domain::ErrorCode;
use sha2::{Digest as _, Sha256};

use crate::error::AppError;

/// How many hexadecimal digits of a fingerprint are enough for two texts of one person.
const DIGITS: usize = 16;

/// The fingerprints that a form carries.
pub(crate) struct ChangedFields(Vec<String>);

impl ChangedFields {
    /// The hidden value of a form that is rendered with these values.
    pub(crate) fn baseline(values: &[String]) -> String {
        values.iter().map(|value| short(value)).collect::<Vec<_>>().join(" ")
    }

    /// Reads the hidden value.
    pub(crate) fn parse(baseline: &str) -> Result<Self, AppError> {
        if baseline.is_empty() {
            return Err(AppError::new(ErrorCode::InvalidRequest, "Something’s missing. Reload the page."));
        }
        Ok(Self(baseline.split(' ').map(str::to_owned).collect()))
    }

    /// The positions of the values that differ from those that the form was rendered with.
    pub(crate) fn of(&self, typed: &[String]) -> Vec<usize> {
        let differs =
            |(index, value): (usize, &String)| (self.0.get(index) != Some(&short(value))).then_some(index);
        typed.iter().enumerate().filter_map(differs).collect()
    }
}

fn short(value: &str) -> String {
    let mut digits = data_encoding::HEXLOWER.encode(&Sha256::digest(value));
    digits.truncate(DIGITS);
    digits
}
