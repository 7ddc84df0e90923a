//! Parses the query parameters that endpoints share: `limit` and `cursor` of a list, and `wait` of a long poll.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::Issue;
use crate::ids::AssistantId;
use crate::input::Parsed;
use crate::timestamp::Timestamp;

/// The maximum number of entries in a page.
pub const LIMIT_MAX: i64 = 100;
/// The number of entries in a page if `cursor` is given without `limit`.
pub const LIMIT_DEFAULT: i64 = 50;
/// The maximum number of digits in a cursor's milliseconds, enough until the year 5138.
const CURSOR_DIGITS_MAX: usize = 14;
/// The maximum number of digits of a number that is a cursor.
const NUMBER_DIGITS_MAX: usize = 18;
/// The maximum of `wait`, in seconds.
pub const WAIT_MAX_SECONDS: u64 = 30;

/// The last entry of a page. The next page begins after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the entry was created.
    pub created_at: Timestamp,
    /// The id of the entry, which orders those created in the same millisecond.
    pub id: AssistantId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.created_at.unix_ms(), self.id)
    }
}

impl Cursor {
    /// Parses the output of [`fmt::Display`]: milliseconds, an underscore and the id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (ms, id) = text.split_once('_')?;
        let created_at = parse_digits(ms).filter(|_| ms.len() <= CURSOR_DIGITS_MAX)?;
        Some(Self { created_at: Timestamp::from_unix_ms(created_at), id: AssistantId::parse(id)? })
    }
}

/// A page of a list, whose entries are identified by a `C`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<C = Cursor> {
    /// The maximum number of entries, from 1 to [`LIMIT_MAX`].
    pub limit: i64,
    /// The entry that the page follows; `None` for the first page.
    pub after: Option<C>,
}

/// Finds the value of the query parameter `name`.
///
/// # Errors
/// An [`Issue`] if the parameter appears more than once.
pub fn find_param<'a>(params: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, Issue> {
    let mut found = params.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    match (found.next(), found.next()) {
        (first, None) => Ok(first),
        _ => Err(Issue::new(name, "duplicate_key", "This parameter appears more than once.")),
    }
}

/// Parses a number that consists of digits only. `str::parse` alone would accept a plus sign, too.
fn parse_digits<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Parses `limit` and `cursor`. `None` if neither is given, which means the whole list.
///
/// # Errors
/// Every [`Issue`] with the two parameters.
pub fn parse_page(params: &[(String, String)]) -> Parsed<Option<Page>> {
    parse_page_by(params, Cursor::parse)
}

/// As [`parse_page`], for a list that is ordered by a number.
///
/// # Errors
/// Every [`Issue`] with the two parameters.
pub fn parse_number_page(params: &[(String, String)]) -> Parsed<Option<Page<i64>>> {
    parse_page_by(params, |text| parse_digits(text).filter(|_| text.len() <= NUMBER_DIGITS_MAX))
}

fn parse_page_by<C>(
    params: &[(String, String)],
    parse_cursor: impl Fn(&str) -> Option<C>,
) -> Parsed<Option<Page<C>>> {
    let mut issues = Vec::new();
    let mut find = |name| find_param(params, name).map_err(|issue| issues.push(issue)).ok().flatten();
    let (limit, cursor) = (find("limit"), find("cursor"));
    let limit = limit.map(|text| parse_digits(text).filter(|limit| (1..=LIMIT_MAX).contains(limit)));
    if limit == Some(None) {
        issues.push(Issue::new("limit", "invalid_value", "This must be a whole number from 1 to 100."));
    }
    let cursor = cursor.map(parse_cursor);
    if matches!(cursor, Some(None)) {
        issues.push(Issue::new(
            "cursor",
            "invalid_value",
            "Use the cursor from the Link header of this list.",
        ));
    }
    if !issues.is_empty() {
        return Err(issues);
    }
    if limit.is_none() && cursor.is_none() {
        return Ok(None);
    }
    Ok(Some(Page { limit: limit.flatten().unwrap_or(LIMIT_DEFAULT), after: cursor.flatten() }))
}

/// Parses `wait`, a number of seconds from 0 to [`WAIT_MAX_SECONDS`]. Zero if it is not given.
///
/// # Errors
/// An [`Issue`] if the value is not such a number, or the parameter appears more than once.
pub fn parse_wait(params: &[(String, String)]) -> Parsed<Duration> {
    let wrong =
        || vec![Issue::new("wait", "invalid_value", "This must be a whole number of seconds from 0 to 30.")];
    match find_param(params, "wait").map_err(|issue| vec![issue])? {
        None => Ok(Duration::ZERO),
        Some(text) => {
            let seconds = parse_digits(text).filter(|seconds| (0..=WAIT_MAX_SECONDS).contains(seconds));
            seconds.map(Duration::from_secs).ok_or_else(wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(text: &str) -> Vec<(String, String)> {
        let pair = |pair: &str| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
        text.split('&').filter_map(pair).collect()
    }

    #[test]
    fn page_parameters_are_validated() {
        assert_eq!(parse_page(&params("")), Ok(None));
        assert_eq!(parse_page(&params("other=1")), Ok(None));
        assert_eq!(parse_page(&params("limit=100")), Ok(Some(Page { limit: 100, after: None })));
        let cursor = "1771034601450_01890a5d-ac96-774b-bcce-b302099a8057";
        let read = parse_page(&params(&format!("cursor={cursor}"))).unwrap().unwrap();
        assert_eq!(
            (read.limit, read.after.map(|cursor| cursor.to_string()).as_deref()),
            (LIMIT_DEFAULT, Some(cursor))
        );
        for bad in [
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=+1",
            "limit=x",
            "limit=",
            "limit=1&limit=2",
            "cursor=x",
            "cursor=+1_01890a5d-ac96-774b-bcce-b302099a8057",
            "cursor=-1_01890a5d-ac96-774b-bcce-b302099a8057",
            "cursor=111111111111111_01890a5d-ac96-774b-bcce-b302099a8057",
            "cursor=1_01890A5D-AC96-774B-BCCE-B302099A8057",
            "cursor=",
        ] {
            assert!(parse_page(&params(bad)).is_err(), "{bad}");
        }
        assert_eq!(parse_page(&params("limit=0&cursor=x")).unwrap_err().len(), 2);
    }

    #[test]
    fn wait_parameter_is_validated() {
        assert_eq!(parse_wait(&params("wait=30")), Ok(Duration::from_secs(30)));
        for bad in ["wait=31", "wait=-1", "wait=+1", "wait=x", "wait=1.5", "wait=", "wait=1&wait=1"] {
            assert!(parse_wait(&params(bad)).is_err(), "{bad}");
        }
    }
}
