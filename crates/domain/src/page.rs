//! Query parameters: pages of a list, and how long to wait.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::Issue;
use crate::ids::AssistantId;
use crate::input::Parsed;
use crate::timestamp::Timestamp;

/// Most entries of a page.
pub const LIMIT_MAX: i64 = 100;
/// Entries of a page when only a cursor is given.
pub const LIMIT_DEFAULT: i64 = 50;
/// Most digits of a cursor's milliseconds: enough until the year 5138.
const CURSOR_DIGITS_MAX: usize = 14;
/// The longest wait, in seconds.
pub const WAIT_MAX_SECONDS: u64 = 30;

/// Where a page ended: the next one begins after this entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the last entry was created.
    pub created_at: Timestamp,
    /// Its id.
    pub id: AssistantId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.created_at.unix_ms(), self.id)
    }
}

impl Cursor {
    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (ms, id) = text.split_once('_')?;
        let created_at = whole(ms).filter(|_| ms.len() <= CURSOR_DIGITS_MAX)?;
        Some(Self { created_at: Timestamp::from_unix_ms(created_at), id: AssistantId::parse(id)? })
    }
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most so many entries.
    pub limit: i64,
    /// After this one; from the start without.
    pub after: Option<Cursor>,
}

/// The value of the parameter `name`, if it is there.
///
/// # Errors
/// The [`Issue`] with a parameter that is there more than once.
pub fn only<'a>(params: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, Issue> {
    let mut found = params.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    match (found.next(), found.next()) {
        (first, None) => Ok(first),
        _ => Err(Issue::new(name, "duplicate_key", "This parameter occurs more than once.")),
    }
}

/// A whole number: digits alone, as the API document says; a plus sign would parse too.
fn whole<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Reads `limit` and `cursor`; `None` without either: all of the list.
///
/// # Errors
/// Every [`Issue`] of the two.
pub fn page(params: &[(String, String)]) -> Parsed<Option<Page>> {
    let mut issues = Vec::new();
    let mut take = |name| only(params, name).map_err(|issue| issues.push(issue)).ok().flatten();
    let (limit, cursor) = (take("limit"), take("cursor"));
    let limit_read = limit.map(|text| whole(text).filter(|limit| (1..=LIMIT_MAX).contains(limit)));
    if limit_read == Some(None) {
        issues.push(Issue::new("limit", "invalid_value", "This must be a whole number from 1 to 100."));
    }
    let after = cursor.map(Cursor::parse);
    if after == Some(None) {
        issues.push(Issue::new(
            "cursor",
            "invalid_value",
            "This cursor did not come from a Link header of this list.",
        ));
    }
    if !issues.is_empty() {
        return Err(issues);
    }
    if limit.is_none() && cursor.is_none() {
        return Ok(None);
    }
    Ok(Some(Page { limit: limit_read.flatten().unwrap_or(LIMIT_DEFAULT), after: after.flatten() }))
}

/// Reads `wait`, in seconds; zero without it.
///
/// # Errors
/// The [`Issue`] with it.
pub fn wait(params: &[(String, String)]) -> Parsed<Duration> {
    let wrong =
        || vec![Issue::new("wait", "invalid_value", "This must be a whole number of seconds from 0 to 30.")];
    match only(params, "wait").map_err(|issue| vec![issue])? {
        None => Ok(Duration::ZERO),
        Some(text) => {
            let seconds = whole(text).filter(|seconds| (0..=WAIT_MAX_SECONDS).contains(seconds));
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
    fn pages() {
        assert_eq!(page(&params("")), Ok(None));
        assert_eq!(page(&params("other=1")), Ok(None));
        assert_eq!(page(&params("limit=100")), Ok(Some(Page { limit: 100, after: None })));
        let cursor = "1771034601450_01890a5d-ac96-774b-bcce-b302099a8057";
        let read = page(&params(&format!("cursor={cursor}"))).unwrap().unwrap();
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
            assert!(page(&params(bad)).is_err(), "{bad}");
        }
        assert_eq!(page(&params("limit=0&cursor=x")).unwrap_err().len(), 2);
    }

    #[test]
    fn waits() {
        assert_eq!(wait(&params("wait=30")), Ok(Duration::from_secs(30)));
        for bad in ["wait=31", "wait=-1", "wait=+1", "wait=x", "wait=1.5", "wait=", "wait=1&wait=1"] {
            assert!(wait(&params(bad)).is_err(), "{bad}");
        }
    }
}
