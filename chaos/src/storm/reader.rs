//! Reads of one process, each checked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::api::{Answer, Api, Call};
use super::book::{Book, Seen};
use super::keys::Keys;

/// Reads as one customer after another.
pub struct Reader {
    pub api: Api,
    pub book: Arc<Book>,
    pub keys: Arc<Keys>,
    pub rng: fastrand::Rng,
    pub process: usize,
    /// The number of keys that are never revoked, which come first.
    pub permanent_keys: usize,
}

impl Reader {
    /// Reads until `stopped`.
    pub async fn run(mut self, stopped: watch::Receiver<bool>) {
        while !*stopped.borrow() {
            let (number, key) = self.keys.choose(&mut self.rng, self.permanent_keys);
            let ids = match &key.granted {
                Some(granted) => vec![granted.clone()],
                None => self.book.ids(key.owner),
            };
            let id = if ids.is_empty() { "" } else { &ids[self.rng.usize(..ids.len())] };
            let path = match self.rng.u32(..4) {
                0 => String::new(),
                1 | 2 if !id.is_empty() => format!("/{id}/status"),
                _ if !id.is_empty() => format!("/{id}"),
                _ => String::new(),
            };
            let call = Call::get(&key.secret, &path);
            let what = match path.as_str() {
                "" => "list",
                path if path.ends_with("/status") => "status",
                _ => "record",
            };
            match self.api.send(self.process, what, &call).await {
                Some(answer) if answer.status == 401 => self.keys.check(answer.read, number, false),
                Some(answer) => {
                    self.keys.check(answer.read, number, true);
                    check(&self.book, &answer, id, &ids);
                }
                None => {
                    self.book.count(|counts| counts.failures += 1);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            // Leaves a processor to the processes under test.
            tokio::time::sleep(Duration::from_millis(self.rng.u64(0..3))).await;
        }
    }
}

/// Reads the list, the record and the status of an assistant from a process that has just confirmed a write.
pub async fn check_own(api: &Api, book: &Book, key: &str, process: usize, id: &str, ids: &[String]) {
    for (what, path) in
        [("status", format!("/{id}/status")), ("record", format!("/{id}")), ("list", String::new())]
    {
        match api.send(process, what, &Call::get(key, &path)).await {
            Some(answer) => check(book, &answer, id, ids),
            None => book.count(|counts| counts.failures += 1),
        }
    }
}

/// Checks the answer to a read of the assistant `id`, or to a list of `ids`.
fn check(book: &Book, answer: &Answer, id: &str, ids: &[String]) {
    let text = |record: &Value, field: &str| record[field].as_str().unwrap_or_default().to_owned();
    match (answer.read.what, answer.status) {
        ("list", 200) => {
            let list = answer.data().as_array().cloned().unwrap_or_default();
            let records: BTreeMap<_, _> = list
                .iter()
                .map(|record| (text(record, "id"), (text(record, "name"), text(record, "status"))))
                .collect();
            for id in ids {
                let seen =
                    records.get(id).map_or(Seen::Absent, |(name, status)| Seen::Record { name, status });
                book.check(answer.read, id, seen);
            }
        }
        ("status", 200) => book.check(answer.read, id, Seen::Status(&text(answer.data(), "status"))),
        ("record", 200) => {
            let (name, status) = (text(answer.data(), "name"), text(answer.data(), "status"));
            book.check(answer.read, id, Seen::Record { name: &name, status: &status });
        }
        (_, 404) => book.check(answer.read, id, Seen::Absent),
        (what, status) => book.record_problem(&format!("{what} returned {status} {}", answer.body)),
    }
}
