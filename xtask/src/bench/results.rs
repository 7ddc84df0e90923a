//! The figures of a run.

use super::options::{Database, Measure, Server};
use super::startup::Started;
use super::wrk::Load;

/// All figures, in the order in which they were measured.
#[derive(Default)]
pub struct Results {
    pub figures: Vec<Figure>,
    pub startups: Vec<Startup>,
    pub scenarios: Vec<Scenario>,
}

/// A server under load.
pub struct Figure {
    pub measure: Measure,
    pub server: Server,
    pub database: Database,
    pub rows: u64,
    pub load: Load,
}

/// A server that starts and idles.
pub struct Startup {
    pub server: Server,
    pub database: Database,
    pub rows: u64,
    pub started: Started,
}

/// What `bench/load` has measured, by name.
pub struct Scenario {
    pub measure: Measure,
    pub server: Server,
    pub database: Database,
    pub numbers: Vec<(String, f64)>,
}

impl Scenario {
    pub fn find(&self, name: &str) -> Option<f64> {
        self.numbers.iter().find(|(found, _)| found == name).map(|(_, number)| *number)
    }

    /// The numbers on one line, for the terminal.
    pub fn line(&self) -> String {
        let numbers: Vec<_> =
            self.numbers.iter().map(|(name, number)| format!("{name} {number:.1}")).collect();
        let (title, server, database) = (self.measure.title(), self.server.name(), self.database.name());
        format!("{title}, {server} on {database}: {}", numbers.join("; "))
    }
}

impl Figure {
    /// The figure on one line, for the terminal.
    pub fn line(&self) -> String {
        let Load { requests_per_second, p50_ms, p99_ms, cpu_percent, memory_mb } = self.load;
        format!(
            "{}, {} on {} with {} rows: {requests_per_second:.0}/s, p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, \
             {cpu_percent:.0} % of a core, {memory_mb:.0} MB",
            self.measure.title(),
            self.server.name(),
            self.database.name(),
            self.rows
        )
    }
}

impl Startup {
    /// The figures on one line, for the terminal.
    pub fn line(&self) -> String {
        format!(
            "{} on {} with {} rows: ready after {:.0} ms, {:.0} MB while idle, a binary of {:.1} MB",
            self.server.name(),
            self.database.name(),
            self.rows,
            self.started.ready_ms,
            self.started.idle_mb,
            self.started.size_mb
        )
    }
}

impl Results {
    /// Finds the load of a server with the first number of rows that was measured.
    pub fn find(&self, measure: Measure, server: Server, database: Database) -> Option<Load> {
        self.figures_of(measure, server, database).next().map(|figure| figure.load)
    }

    /// Finds the load of Reef with the last number of rows, if there are several.
    pub fn find_with_most_rows(&self, measure: Measure, database: Database) -> Option<Load> {
        let all: Vec<_> = self.figures_of(measure, Server::Reef, database).collect();
        all.get(1..).and_then(<[_]>::last).map(|figure| figure.load)
    }

    fn figures_of(
        &self,
        measure: Measure,
        server: Server,
        database: Database,
    ) -> impl Iterator<Item = &Figure> {
        self.figures.iter().filter(move |figure| {
            (figure.measure, figure.server, figure.database) == (measure, server, database)
        })
    }
}
