//! Days and months in a time zone.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _, Zoned};

use crate::timestamp::Timestamp;

/// The last millisecond of the year 9999, which both databases can store.
const LAST_MS: i64 = 253_402_300_799_999;

/// The days of a time zone.
#[derive(Clone, Debug)]
pub struct Calendar(TimeZone);

/// A day, without a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

impl Day {
    /// Parses `2026-12-01`, with a year from 1 to 9999.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let date: Date = text.parse().ok()?;
        (date.to_string() == text && date.year() > 0).then_some(Self(date))
    }

    /// The first day of the same month.
    #[must_use]
    pub fn month_start(self) -> Self {
        Self(self.0.first_of_month())
    }

    /// The first day of the next month.
    #[must_use]
    pub fn next_month_start(self) -> Self {
        Self(self.0.last_of_month().saturating_add(1.day()))
    }

    /// The day after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1.day()))
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Calendar {
    /// The calendar of a zone in the IANA database; that of UTC for an unknown one.
    #[must_use]
    pub fn new(time_zone: &str) -> Self {
        Self(TimeZone::get(time_zone).unwrap_or(TimeZone::UTC))
    }

    /// The day at a moment.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> Day {
        Day(self.zoned(at).date())
    }

    /// The moment at which a day begins.
    #[must_use]
    pub fn start_of(&self, day: Day) -> Timestamp {
        let start = day.0.to_zoned(self.0.clone()).and_then(|midnight| midnight.start_of_day());
        // Only the last days of the calendar have no beginning in every zone.
        Timestamp::from_unix_ms(start.map_or(LAST_MS, |start| start.timestamp().as_millisecond()))
    }

    /// The difference of local time from UTC at a moment, in seconds.
    #[must_use]
    pub fn utc_offset_s(&self, at: Timestamp) -> i32 {
        SignedDuration::from(self.zoned(at).offset()).as_secs().try_into().unwrap_or(0)
    }

    fn zoned(&self, at: Timestamp) -> Zoned {
        // Timestamps outside of jiff's range are none that a clock returns.
        let moment = jiff::Timestamp::from_millisecond(at.unix_ms()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        moment.to_zoned(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a timestamp")
    }

    #[test]
    fn days_begin_at_local_midnight_also_when_clocks_change() {
        for (zone, now, day, start, next) in [
            (
                "UTC",
                "2026-12-01T23:59:59.999Z",
                "2026-12-01",
                "2026-12-01T00:00:00.000Z",
                "2026-12-02T00:00:00.000Z",
            ),
            (
                "Pacific/Kiritimati",
                "2026-12-01T10:00:00.000Z",
                "2026-12-02",
                "2026-12-01T10:00:00.000Z",
                "2026-12-02T10:00:00.000Z",
            ),
            // 25 hours, and 23.
            (
                "Europe/Berlin",
                "2026-10-25T12:00:00.000Z",
                "2026-10-25",
                "2026-10-24T22:00:00.000Z",
                "2026-10-25T23:00:00.000Z",
            ),
            (
                "Europe/Berlin",
                "2027-03-28T12:00:00.000Z",
                "2027-03-28",
                "2027-03-27T23:00:00.000Z",
                "2027-03-28T22:00:00.000Z",
            ),
            // No midnight: the day begins at one.
            (
                "Africa/Cairo",
                "2026-04-24T12:00:00.000Z",
                "2026-04-24",
                "2026-04-23T22:00:00.000Z",
                "2026-04-24T21:00:00.000Z",
            ),
        ] {
            let calendar = Calendar::new(zone);
            let today = calendar.day_of(at(now));
            assert_eq!(today.to_string(), day);
            assert_eq!(
                (calendar.start_of(today), calendar.start_of(today.next())),
                (at(start), at(next)),
                "{zone}"
            );
        }
    }

    #[test]
    fn months_and_dates() {
        let day = Day::parse("2028-02-29").expect("a day");
        assert_eq!(day.month_start().to_string(), "2028-02-01");
        assert_eq!(day.next_month_start().to_string(), "2028-03-01");
        for text in
            ["2027-02-29", "2026-1-1", "20260101", "0000-01-01", "2026-01-01T00:00", "", "x", "+002026-01-01"]
        {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn offset_follows_the_zone() {
        assert_eq!(Calendar::new("Asia/Kathmandu").utc_offset_s(at("2026-12-01T00:00:00.000Z")), 20_700);
        assert_eq!(Calendar::new("Nowhere/None").utc_offset_s(at("2026-12-01T00:00:00.000Z")), 0);
    }
}
