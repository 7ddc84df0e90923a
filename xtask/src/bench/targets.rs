//! What the figures should be, and whether they are.

use super::options::{Database, Measure, Server};
use super::results::{Results, Scenario};

/// A target and what was measured for it.
pub struct Target {
    pub name: String,
    /// How the target and the figure are written.
    pub unit: &'static str,
    pub wanted: f64,
    pub measured: f64,
    pub is_maximum: bool,
}

impl Target {
    fn at_least(name: String, wanted: f64, measured: Option<f64>) -> Option<Self> {
        Some(Self { name, unit: "×", wanted, measured: measured?, is_maximum: false })
    }

    fn at_most(name: String, unit: &'static str, wanted: f64, measured: Option<f64>) -> Option<Self> {
        Some(Self { name, unit, wanted, measured: measured?, is_maximum: true })
    }

    pub fn is_met(&self) -> bool {
        if self.is_maximum { self.measured <= self.wanted } else { self.measured >= self.wanted }
    }
}

/// Lists the targets for which there are figures.
pub fn evaluate(results: &Results) -> Vec<Target> {
    let databases = [Database::Sqlite, Database::Postgres];
    let mut targets = Vec::new();
    targets.extend(databases.into_iter().flat_map(|database| status_targets(results, database)));
    targets.extend(databases.into_iter().flat_map(|database| list_targets(results, database)));
    targets.extend(databases.into_iter().flat_map(|database| page_targets(results, database)));
    targets.extend(databases.into_iter().flat_map(|database| size_targets(results, database)));
    targets.extend(results.startups.iter().filter(|startup| startup.server == Server::Reef).flat_map(
        |startup| {
            let place = format!("{}, {} rows", startup.database.name(), startup.rows);
            [
                Target::at_most(format!("Ready ({place})"), " ms", 200.0, Some(startup.started.ready_ms)),
                Target::at_most(format!("Idle memory ({place})"), " MB", 40.0, Some(startup.started.idle_mb)),
            ]
        },
    ));
    targets
        .extend(results.scenarios.iter().filter(|one| one.server == Server::Reef).flat_map(scenario_targets));
    let size = results.startups.iter().find(|startup| startup.server == Server::Reef);
    targets.push(Target::at_most(
        "Binary".to_owned(),
        " MB",
        45.0,
        size.map(|startup| startup.started.size_mb),
    ));
    targets.into_iter().flatten().collect()
}

fn scenario_targets(scenario: &Scenario) -> Vec<Option<Target>> {
    let place = scenario.database.name();
    let at_most = |what: &str, unit, wanted, number| {
        Target::at_most(format!("{what} ({place})"), unit, wanted, scenario.find(number))
    };
    let turns = scenario.find("turns/s").map(|measured| Target {
        name: format!("Turns ({place})"),
        unit: "/s",
        wanted: 500.0,
        measured,
        is_maximum: false,
    });
    vec![
        turns,
        at_most("All activations", " ms", 1000.0, "all active after, ms"),
        at_most("Memory of a stream", " KB", 15.0, "KB per stream"),
        at_most("A change reaches the last stream", " ms", 50.0, "last, ms"),
    ]
}

/// The ratio of requests per second between Reef and another figure.
fn ratio(results: &Results, measure: Measure, database: Database, to: (Measure, Server)) -> Option<f64> {
    let own = results.find(measure, Server::Reef, database)?;
    let other = results.find(to.0, to.1, database)?;
    Some(own.requests_per_second / other.requests_per_second)
}

fn status_targets(results: &Results, database: Database) -> Vec<Option<Target>> {
    let (measure, name) = (Measure::Status, database.name());
    let wanted = if database == Database::Sqlite { 0.75 } else { 1.0 };
    let to = |server| ratio(results, measure, database, (measure, server));
    let p99 = || {
        let own = results.find(measure, Server::Reef, database)?;
        Some(own.p99_ms / results.find(measure, Server::Bare, database)?.p99_ms)
    };
    vec![
        Target::at_least(format!("Status on {name}, of the bare limit"), wanted, to(Server::Bare)),
        Target::at_least(format!("Status on {name}, of Hono"), 2.3, to(Server::Hono)),
        Target::at_most(format!("p99 of the status on {name}, of the bare limit's"), "×", 2.0, p99()),
    ]
}

fn list_targets(results: &Results, database: Database) -> Vec<Option<Target>> {
    let (measure, name) = (Measure::List, database.name());
    let to = |server| ratio(results, measure, database, (measure, server));
    vec![
        Target::at_least(format!("List on {name}, of the bare limit"), 1.0, to(Server::Bare)),
        Target::at_least(format!("List on {name}, of Hono"), 1.5, to(Server::Hono)),
    ]
}

fn page_targets(results: &Results, database: Database) -> Vec<Option<Target>> {
    let name = database.name();
    let for_all = [Measure::StartPage, Measure::DocsPage].map(|measure| {
        let measured = ratio(results, measure, database, (Measure::RefusedKey, Server::Reef));
        Target::at_least(format!("{} on {name}, of the refused key", measure.title()), 0.8, measured)
    });
    let for_one = [Measure::Dashboard, Measure::AssistantPage].map(|measure| {
        let measured = ratio(results, measure, database, (measure, Server::Baseline));
        Target::at_least(format!("{} on {name}, of the baseline", measure.title()), 2.5, measured)
    });
    for_all.into_iter().chain(for_one).collect()
}

/// A larger table must not make anything slower.
fn size_targets(results: &Results, database: Database) -> Vec<Option<Target>> {
    let all = Measure::REQUESTS.into_iter().map(|measure| {
        let few = results.find(measure, Server::Reef, database)?;
        let many = results.find_with_most_rows(measure, database)?;
        let measured = many.requests_per_second / few.requests_per_second;
        let name = format!("{} on {} with the most rows", measure.title(), database.name());
        Target::at_least(name, 0.95, Some(measured))
    });
    all.collect()
}
