//! The options of `cargo xtask bench`, and what can be measured.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// The options of the task.
#[derive(Args)]
pub struct Options {
    /// One short run of each measurement, written to target/performance.md: to see that everything works, not how fast it is.
    #[arg(long)]
    pub quick: bool,
    /// Use this binary instead of building target/dist/reef.
    #[arg(long, value_name = "PATH")]
    pub reef: Option<PathBuf>,
    /// Also measure this older binary of Reef.
    #[arg(long, value_name = "PATH")]
    pub baseline: Option<PathBuf>,
    /// Numbers of assistants in the table. The other servers are measured with the first one only.
    #[arg(long, value_delimiter = ',', default_value = "10000")]
    pub rows: Vec<u64>,
    /// Measure only these.
    #[arg(long, value_delimiter = ',', value_enum)]
    pub only: Vec<Measure>,
    /// Measure only on this database.
    #[arg(long, value_enum)]
    pub database: Option<Database>,
    /// Number of runs, of which the median counts. Default: 5.
    #[arg(long)]
    pub runs: Option<usize>,
    /// Seconds of each run. Default: 5.
    #[arg(long, value_name = "SECONDS")]
    pub duration: Option<u64>,
    /// Connections that send requests at the same time.
    #[arg(long, default_value_t = 32)]
    pub connections: u32,
    /// Threads of wrk.
    #[arg(long, default_value_t = 1)]
    pub threads: u32,
    /// The file to write. Default: docs/performance.md.
    #[arg(long, value_name = "PATH")]
    pub output: Option<PathBuf>,
}

impl Options {
    pub fn runs(&self) -> usize {
        self.runs.unwrap_or(if self.quick { 1 } else { 5 }).max(1)
    }

    pub fn duration(&self) -> Duration {
        Duration::from_secs(self.duration.unwrap_or(if self.quick { 1 } else { 5 }).max(1))
    }

    pub fn wants(&self, measure: Measure) -> bool {
        self.only.is_empty() || self.only.contains(&measure)
    }

    /// Whether something is measured that depends on the number of rows.
    pub fn needs_rows(&self) -> bool {
        self.wants(Measure::Process) || Measure::REQUESTS.into_iter().any(|measure| self.wants(measure))
    }

    pub fn databases(&self) -> Vec<Database> {
        let all = [Database::Sqlite, Database::Postgres];
        all.into_iter().filter(|one| self.database.is_none_or(|only| only == *one)).collect()
    }
}

/// The databases of Reef.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// The servers that are compared, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    Bare,
    Reef,
    Baseline,
    Hono,
    FastApi,
}

impl Server {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare limit",
            Self::Reef => "Reef",
            Self::Baseline => "Reef, baseline",
            Self::Hono => "Hono",
            Self::FastApi => "FastAPI",
        }
    }
}

/// What is measured, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Measure {
    /// A request with a wrong API key.
    RefusedKey,
    /// The status of an assistant, for its owner's API key.
    Status,
    /// The list of 100 assistants, for their owner's API key.
    List,
    /// The start page, for a visitor.
    StartPage,
    /// A page of the documentation, for a visitor.
    DocsPage,
    /// The dashboard with 100 assistants, for their owner.
    Dashboard,
    /// The page of an assistant, for its owner.
    AssistantPage,
    /// Activating many assistants at once, and talking to all of them.
    Bots,
    /// Many open event streams.
    Streams,
    /// Size of the binary, time until it is ready, memory.
    Process,
}

impl Measure {
    /// The measurements with wrk.
    pub const REQUESTS: [Self; 7] = [
        Self::RefusedKey,
        Self::Status,
        Self::List,
        Self::StartPage,
        Self::DocsPage,
        Self::Dashboard,
        Self::AssistantPage,
    ];

    /// Whether the other servers have this endpoint, too.
    pub const fn is_compared(self) -> bool {
        matches!(self, Self::Status | Self::List)
    }
}
