//! What was written, when, and by which process, and whether a read may answer what it did.
//!
//! Each assistant and each key has one writer, so its writes have an order. A read may show any write from the newest one
//! that its process must know up to the newest one that was sent before the read was answered. All times are those of
//! this test, before a request is sent and after its answer has arrived, so that a slow machine makes the test miss
//! faults, but never see one that is none.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most problems that are kept.
const PROBLEMS_MAX: usize = 20;

/// What a write leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// `None` once the assistant is deleted.
    pub name: Option<String>,
    /// The statuses that follow from the write. The last one may be reached later, without another write.
    pub statuses: &'static [&'static str],
}

/// What a read has shown of an assistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    Absent,
    Status(&'a str),
    Record { name: &'a str, status: &'a str },
}

/// A read of one process, by the time before it was sent and the time when its answer had arrived.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    pub what: &'static str,
    pub process: usize,
    pub sent: Instant,
    pub answered: Instant,
}

#[derive(Debug)]
struct Write {
    sent: Instant,
    /// When each process has confirmed it first.
    confirmed: BTreeMap<usize, Instant>,
    /// When a read has shown the last of its statuses.
    settled: Option<Instant>,
    expected: Expected,
}

#[derive(Debug)]
struct History {
    owner: usize,
    writes: Vec<Write>,
}

/// The numbers that are printed at the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub writes: u64,
    pub reads: u64,
    /// Reads that had to be as new as a write that their own process had confirmed less than a bound ago.
    pub own_reads: u64,
    /// Answers that say nothing, such as a 503 or a broken connection.
    pub failures: u64,
    pub keys: u64,
    pub refusals: u64,
    pub disturbances: u64,
}

#[derive(Debug, Default)]
struct Inner {
    assistants: BTreeMap<String, History>,
    problems: Vec<String>,
    counts: Counts,
}

/// The shared record of all tasks.
#[derive(Debug)]
pub struct Book {
    started: Instant,
    /// When a write must be known to all processes after it was confirmed.
    pub bound: Duration,
    inner: Mutex<Inner>,
}

impl Book {
    pub fn new(bound: Duration) -> Self {
        Self { started: Instant::now(), bound, inner: Mutex::default() }
    }

    // A panic of another task leaves the plain values consistent, so a poisoned lock is ignored.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a problem, which ends the run.
    pub fn record_problem(&self, what: &str) {
        let after = self.started.elapsed().as_secs_f32();
        let mut inner = self.lock();
        if inner.problems.len() < PROBLEMS_MAX {
            inner.problems.push(format!("after {after:.1} s: {what}"));
        }
    }

    pub fn problems(&self) -> Vec<String> {
        self.lock().problems.clone()
    }

    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    pub fn count(&self, add: impl FnOnce(&mut Counts)) {
        add(&mut self.lock().counts);
    }

    /// A new assistant was confirmed by a process.
    pub fn record_new(&self, owner: usize, id: &str, expected: Expected, read: Read) {
        let write = |confirmed, expected| Write { sent: read.sent, confirmed, settled: None, expected };
        let absent = Expected { name: None, statuses: &[] };
        let confirmed = BTreeMap::from([(read.process, read.answered)]);
        let writes = vec![write(BTreeMap::new(), absent), write(confirmed, expected)];
        self.lock().assistants.insert(id.to_owned(), History { owner, writes });
    }

    /// A write is about to be sent.
    pub fn begin_write(&self, id: &str, expected: Expected) {
        if let Some(history) = self.lock().assistants.get_mut(id) {
            let confirmed = BTreeMap::new();
            history.writes.push(Write { sent: Instant::now(), confirmed, settled: None, expected });
        }
    }

    /// A process has confirmed the last write.
    pub fn confirm_write(&self, id: &str, process: usize) {
        let mut inner = self.lock();
        inner.counts.writes += 1;
        if let Some(write) = inner.assistants.get_mut(id).and_then(|history| history.writes.last_mut()) {
            write.confirmed.entry(process).or_insert_with(Instant::now);
        }
    }

    /// The last write was rejected and has changed nothing.
    pub fn withdraw_write(&self, id: &str) {
        if let Some(history) = self.lock().assistants.get_mut(id) {
            history.writes.pop();
        }
    }

    /// The ids of an owner's assistants.
    pub fn ids(&self, owner: usize) -> Vec<String> {
        let inner = self.lock();
        let of_owner = inner.assistants.iter().filter(|(_, history)| history.owner == owner);
        of_owner.map(|(id, _)| id.clone()).collect()
    }

    /// Forgets an assistant that was deleted, so that lists of it do not grow without end.
    pub fn forget(&self, id: &str) {
        self.lock().assistants.remove(id);
    }

    /// Checks what a read has shown of an assistant.
    pub fn check(&self, read: Read, id: &str, seen: Seen<'_>) {
        let problem = {
            let mut guard = self.lock();
            let inner = &mut *guard;
            let Some(history) = inner.assistants.get_mut(id) else { return };
            inner.counts.reads += 1;
            let (required, is_own) = history.required(read, self.bound);
            inner.counts.own_reads += u64::from(is_own);
            history.find_problem(read, required, seen, self.bound)
        };
        if let Some(problem) = problem {
            let Read { what, process, .. } = read;
            self.record_problem(&format!("{what} of {id} from process {process}: {problem}"));
        }
    }
}

impl History {
    /// The newest write that the process of a read must have known, and whether that is because it has confirmed that
    /// write itself just before.
    fn required(&self, read: Read, bound: Duration) -> (usize, bool) {
        let known = |write: &Write| {
            let own = write.confirmed.get(&read.process).is_some_and(|at| *at <= read.sent);
            let all = write.confirmed.values().any(|at| *at + bound <= read.sent);
            (own || all).then_some(own && !all)
        };
        let newest =
            self.writes.iter().enumerate().rev().find_map(|(index, write)| Some((index, known(write)?)));
        newest.unwrap_or_default()
    }

    fn find_problem(
        &mut self,
        read: Read,
        required: usize,
        seen: Seen<'_>,
        bound: Duration,
    ) -> Option<String> {
        let sent_before = |write: &&mut Write| write.sent <= read.answered;
        let mut candidates: Vec<_> = self.writes[required..].iter_mut().take_while(sent_before).collect();
        let is_shown = |write: &Write| write.expected.shows(seen);
        if candidates.iter().all(|write| !is_shown(write)) {
            let expected: Vec<_> = candidates.iter().map(|write| &write.expected).collect();
            let since =
                candidates.first().map(|write| write.describe_confirmations(read)).unwrap_or_default();
            return Some(format!("{seen:?} instead of one of {expected:?}, the first of which was {since}"));
        }
        if let [write] = &mut candidates[..] {
            let is_last =
                seen.status().is_some_and(|status| write.expected.statuses.first() != Some(&status));
            if is_last {
                write.settled.get_or_insert(read.answered);
            } else if write.settled.is_some_and(|at| at + bound <= read.sent) {
                return Some(format!("{seen:?}, although a later status was shown before"));
            }
        }
        None
    }
}

impl Write {
    /// Who had confirmed it, and how long before a read was sent.
    fn describe_confirmations(&self, read: Read) -> String {
        let ago = |at: &Instant| read.sent.saturating_duration_since(*at).as_millis();
        let confirmed = self.confirmed.iter().filter(|(_, at)| **at <= read.sent);
        let each: Vec<_> =
            confirmed.map(|(process, at)| format!("by process {process} {} ms before", ago(at))).collect();
        format!("confirmed {}", each.join(" and "))
    }
}

impl Expected {
    fn shows(&self, seen: Seen<'_>) -> bool {
        let has_status = |status: &str| self.statuses.contains(&status);
        match (&self.name, seen) {
            (None, Seen::Absent) => true,
            (Some(_), Seen::Status(status)) => has_status(status),
            (Some(expected), Seen::Record { name, status }) => expected == name && has_status(status),
            (None, _) | (Some(_), Seen::Absent) => false,
        }
    }
}

impl<'a> Seen<'a> {
    const fn status(self) -> Option<&'a str> {
        match self {
            Self::Absent => None,
            Self::Status(status) | Self::Record { status, .. } => Some(status),
        }
    }
}
