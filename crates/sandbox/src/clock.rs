//! The clock and randomness of the sandbox. It stands for the outside world, so neither is shared with Reef, whose tests
//! replace both.

use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The time in milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the sandbox does not share Reef's clock")]
pub(crate) fn now_ms() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000)
        .expect("milliseconds since 1970 fit an i64 for the next 292 million years")
}

/// Formats a timestamp such as `2026-02-13T12:03:21.456Z`.
pub(crate) fn rfc3339(ms: i64) -> String {
    let t = to_datetime(ms);
    let (hour, minute, second, millisecond) = t.time().as_hms_milli();
    format!("{}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z", t.date())
}

/// Parses an RFC 3339 timestamp into milliseconds since 1970.
pub(crate) fn parse_rfc3339(text: &str) -> Option<i64> {
    let t = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(t.unix_timestamp_nanos() / 1_000_000).ok()
}

/// Formats a date for people, such as `Feb 13, 2026`.
pub(crate) fn format_date(ms: i64) -> String {
    let t = to_datetime(ms);
    let month = &t.month().to_string()[..3];
    format!("{month} {}, {}", t.day(), t.year())
}

/// Formats a time for people, such as `Feb 13, 2026, 12:03 UTC`.
pub(crate) fn format_date_time(ms: i64) -> String {
    let t = to_datetime(ms);
    format!("{}, {:02}:{:02} UTC", format_date(ms), t.hour(), t.minute())
}

/// Returns the same day of the next month, or that month's last day if it is shorter.
pub(crate) fn month_after(ms: i64) -> i64 {
    let t = to_datetime(ms);
    let month = t.month().next();
    let year = t.year() + i32::from(month == time::Month::January);
    let day = t.day().min(month.length(year));
    let date = time::Date::from_calendar_date(year, month, day).expect("the day exists in the month");
    ms + i64::try_from((date - t.date()).whole_milliseconds()).expect("a month fits")
}

fn to_datetime(ms: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(ms)
}

/// A random UUID (version 4), as Polar's ids are.
pub(crate) fn new_id() -> String {
    let mut bytes = [0; 16];
    fill_random(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// Whether `id` has the form of a UUID.
pub(crate) fn is_uuid(id: &str) -> bool {
    Uuid::try_parse(id).is_ok()
}

/// Returns `length` random letters and digits.
pub(crate) fn random_base62(length: usize) -> String {
    let mut bytes = vec![0; length];
    fill_random(&mut bytes);
    bytes.iter().map(|byte| char::from(BASE62[usize::from(*byte) % BASE62.len()])).collect()
}

/// Returns `length` random hexadecimal digits.
pub(crate) fn random_hex(length: usize) -> String {
    let mut bytes = vec![0; length];
    fill_random(&mut bytes);
    bytes.iter().map(|byte| char::from(b"0123456789abcdef"[usize::from(*byte) % 16])).collect()
}

#[expect(clippy::disallowed_methods, reason = "the sandbox does not share Reef's randomness")]
fn fill_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system has randomness");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_for_people_have_month_names() {
        let at = parse_rfc3339("2026-02-03T04:05:06.789Z").unwrap();
        assert_eq!(
            (format_date(at), format_date_time(at)),
            ("Feb 3, 2026".to_owned(), "Feb 3, 2026, 04:05 UTC".to_owned())
        );
    }

    #[test]
    fn next_month_clamps_to_its_last_day() {
        let at = |text| parse_rfc3339(text).unwrap();
        for (from, to) in [
            ("2026-01-31T10:00:00.500Z", "2026-02-28T10:00:00.500Z"),
            ("2026-12-15T00:00:00.000Z", "2027-01-15T00:00:00.000Z"),
            ("2028-01-30T23:59:59.999Z", "2028-02-29T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(month_after(at(from))), to);
        }
    }
}
