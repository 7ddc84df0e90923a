//! Sentences that contain dates. A page shows dates in the reader's time zone, so a sentence keeps the timestamps
//! instead of formatted text.

use std::fmt;

use crate::timestamp::Timestamp;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Formats the UTC date of a timestamp: `Mar 13, 2026`.
#[must_use]
pub fn format_day(at: Timestamp) -> String {
    let text = at.to_string();
    let part = |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<usize>().ok());
    let month = part(5, 7).and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    match (part(0, 4), month, part(8, 10)) {
        (Some(year), Some(month), Some(day)) => format!("{month} {day}, {year}"),
        _ => text,
    }
}

/// A part of a [`Sentence`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text that is shown as it is.
    Text(String),
    /// A timestamp whose date is shown, in the reader's time zone.
    Day(Timestamp),
}

/// A sentence as a sequence of texts and dates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentence(Vec<Part>);

impl Sentence {
    /// Appends text to the sentence.
    #[must_use]
    pub fn text(mut self, words: impl Into<String>) -> Self {
        self.0.push(Part::Text(words.into()));
        self
    }

    /// Appends the date of a timestamp to the sentence.
    #[must_use]
    pub fn day(mut self, at: Timestamp) -> Self {
        self.0.push(Part::Day(at));
        self
    }

    /// The texts and dates in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Sentence {
    fn from(words: T) -> Self {
        Self::default().text(words)
    }
}

/// Formats dates in UTC, for pages without scripts and for mail.
impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(words) => f.write_str(words),
            Part::Day(at) => f.write_str(&format_day(*at)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_is_formatted_in_american_order() {
        assert_eq!(format_day(Timestamp::from_unix_ms(0)), "Jan 1, 1970");
        assert_eq!(format_day(Timestamp::parse("2027-12-31T23:59:59.999Z").unwrap()), "Dec 31, 2027");
    }

    #[test]
    fn sentence_keeps_timestamps() {
        let at = Timestamp::from_unix_ms(0);
        let sentence = Sentence::from("Paid until ").day(at).text(".");
        assert_eq!(sentence.to_string(), "Paid until Jan 1, 1970.");
        assert_eq!(sentence.parts()[1], Part::Day(at));
    }
}
