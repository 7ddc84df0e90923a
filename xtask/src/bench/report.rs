//! The report, in Markdown that can also be read on a terminal.

use std::fmt::Write as _;

use super::options::{Measure, Options, Server};
use super::results::{Figure, Results, Scenario};
use super::targets;

const INTRODUCTION: &str = "# Performance

`cargo xtask bench` measures all of this on one machine and writes this page. Its options are in `cargo xtask bench --help`.

The load generator, the server and the database share the processors, so figures can only be compared within a run. Each figure is
the median of the runs; memory is the server's resident memory after them, and the processor time is the server's alone, in percent
of one core.

- Reef runs as in production: the log is on and goes to a file, the vendors are another process (the sandbox), and PostgreSQL and
  SQLite sync as they do for operators. Only the rate limits are raised, because one key sends all requests.
- The bare limit (`bench/bare`) is axum and sqlx with one select for each request, built with the profile of Reef's binary. Hono
  (`bench/hono`) and FastAPI (`bench/fastapi`) run with one process, as `node` and `uvicorn` start them. None of the three
  authenticates, limits or logs requests. All read the tables of Reef, use the default pool of their library, and give the same
  answers as Reef, which is checked before they are measured.
- wrk requests the status of the 100 assistants of one user in turn, with the same script for all servers.
";

/// Renders the report.
pub fn render(options: &Options, machine: &[(&'static str, String)], results: &Results) -> String {
    let mut text = INTRODUCTION.to_owned();
    let _ = writeln!(
        text,
        "\n{} connections, {} thread(s) of wrk; median of {} run(s) of {} s.\n\n| machine | |\n| --- | --- |",
        options.connections,
        options.threads,
        options.runs(),
        options.duration().as_secs()
    );
    for (name, value) in machine {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    render_targets(&mut text, results);
    for measure in Measure::REQUESTS {
        let mut figures: Vec<_> = results.figures.iter().filter(|figure| figure.measure == measure).collect();
        figures.sort_by_key(|figure| (figure.database, figure.server, figure.rows));
        if !figures.is_empty() {
            render_requests(&mut text, measure, &figures, results);
        }
    }
    for measure in [Measure::Bots, Measure::Streams] {
        let found: Vec<_> = results.scenarios.iter().filter(|one| one.measure == measure).collect();
        if !found.is_empty() {
            render_scenarios(&mut text, measure, &found);
        }
    }
    render_startups(&mut text, results);
    text
}

fn render_targets(text: &mut String, results: &Results) {
    let targets = targets::evaluate(results);
    if targets.is_empty() {
        return;
    }
    text.push_str("\n## Targets\n\n| what | target | measured | |\n| --- | --- | --- | --- |\n");
    for target in targets {
        let sign = if target.is_maximum { "≤" } else { "≥" };
        let (wanted, unit) = (target.wanted, target.unit);
        let measured =
            if unit == "×" { format!("{:.2}", target.measured) } else { format!("{:.0}", target.measured) };
        let verdict = if target.is_met() { "met" } else { "missed" };
        let space = if unit == "×" { " " } else { "" };
        let _ = writeln!(
            text,
            "| {} | {sign} {wanted}{space}{unit} | {measured}{space}{unit} | {verdict} |",
            target.name
        );
    }
}

fn render_requests(text: &mut String, measure: Measure, figures: &[&Figure], results: &Results) {
    let _ = write!(
        text,
        "\n## {}\n\n{}\n\n\
         | database | server | rows | requests/s | of the bare limit | p50 | p99 | processor | memory |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        measure.title(),
        measure.limit()
    );
    for figure in figures {
        let load = figure.load;
        let bare = results.find(measure, Server::Bare, figure.database);
        let share = bare.map_or_else(
            || "–".to_owned(),
            |bare| format!("{:.2}", load.requests_per_second / bare.requests_per_second),
        );
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {share} | {:.2} ms | {:.2} ms | {:.0} % | {:.0} MB |",
            figure.database.name(),
            figure.server.name(),
            with_commas(figure.rows),
            rounded(load.requests_per_second),
            load.p50_ms,
            load.p99_ms,
            load.cpu_percent,
            load.memory_mb
        );
    }
}

fn render_scenarios(text: &mut String, measure: Measure, scenarios: &[&Scenario]) {
    let names: Vec<_> = scenarios[0].numbers.iter().map(|(name, _)| name.as_str()).collect();
    let _ = write!(
        text,
        "\n## {}\n\n{}\n\n| database | server | {} |\n| --- | --- |{}\n",
        measure.title(),
        measure.limit(),
        names.join(" | "),
        " --- |".repeat(names.len())
    );
    for scenario in scenarios {
        let numbers: Vec<_> =
            names.iter().map(|name| scenario.find(name).map_or_else(String::new, rounded)).collect();
        let (database, server) = (scenario.database.name(), scenario.server.name());
        let _ = writeln!(text, "| {database} | {server} | {} |", numbers.join(" | "));
    }
}

fn render_startups(text: &mut String, results: &Results) {
    if results.startups.is_empty() {
        return;
    }
    let _ = write!(
        text,
        "\n## {}\n\n{}\n\n\
         | database | server | rows | binary | ready after | memory while idle |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        Measure::Process.title(),
        Measure::Process.limit()
    );
    for startup in &results.startups {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.1} MB | {:.0} ms | {:.0} MB |",
            startup.database.name(),
            startup.server.name(),
            with_commas(startup.rows),
            startup.started.size_mb,
            startup.started.ready_ms,
            startup.started.idle_mb
        );
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of requests")]
fn rounded(number: f64) -> String {
    with_commas(number.round() as u64)
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = {
        let first = digits.len() % 3;
        let rest =
            digits.as_bytes()[first..].chunks(3).map(|group| std::str::from_utf8(group).unwrap_or_default());
        Some(&digits[..first]).filter(|group| !group.is_empty()).into_iter().chain(rest).collect()
    };
    groups.join(",")
}

#[cfg(test)]
mod tests {
    #[test]
    fn large_numbers_have_commas() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(super::with_commas(number), text);
        }
    }
}
