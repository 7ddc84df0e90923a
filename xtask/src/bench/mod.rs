//! The task `cargo xtask bench`: measures Reef and the servers that it is compared with, one after another, on this machine.
//!
//! - `options` is what can be measured; `programs` what is needed for it.
//! - `site` is an installation of Reef; `peers` are the other servers, on the same tables.
//! - `requests` drives the servers with `wrk`, `scenarios` with `bench/load`; `startup` starts processes and looks at them.
//! - `results` are the figures, `targets` what they should be, `texts` what limits them; `report` writes all of it.

mod http;
mod machine;
mod options;
mod peers;
mod process;
mod programs;
mod report;
mod requests;
mod results;
mod scenarios;
mod site;
mod startup;
mod targets;
mod texts;
mod wrk;

use std::fs;

use anyhow::{Context, Result};

pub use options::Options;
use options::{Database, Server};
use programs::Programs;
pub use programs::check_syntax;
use results::Results;
use site::Site;

use crate::project;
use crate::run::print_progress;

/// Measures, prints the report and writes it to a file.
pub fn bench(options: &Options) -> Result<()> {
    let programs = Programs::prepare(options)?;
    let mut results = Results::default();
    for database in options.databases() {
        for (position, &rows) in options.rows.iter().enumerate() {
            let is_first = position == 0;
            measure(options, &programs, database, rows, is_first, &mut results)?;
        }
    }
    let report = report::render(options, &machine::describe(&programs), &results);
    println!("{report}");
    let path = match (&options.output, options.quick) {
        (Some(path), _) => path.clone(),
        (None, true) => project::root().join("target/performance.md"),
        (None, false) => project::root().join("docs/performance.md"),
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{} could not be created", folder.display()))?;
    }
    fs::write(&path, report).with_context(|| format!("{} could not be written", path.display()))?;
    print_progress(&format!("wrote {}", path.display()));
    Ok(())
}

/// Measures everything on one database with one number of rows. The other servers are measured with the first number only.
fn measure(
    options: &Options,
    programs: &Programs,
    database: Database,
    rows: u64,
    is_first: bool,
    results: &mut Results,
) -> Result<()> {
    let mut run = requests::Run { options, programs, database, rows, results };
    let servers = [(Server::Reef, Some(&programs.reef)), (Server::Baseline, programs.baseline.as_ref())];
    for (server, reef) in servers {
        let Some(reef) = reef.filter(|_| server == Server::Reef || is_first) else { continue };
        if options.needs_rows() {
            let site =
                Site::create(programs, reef, database, &format!("{server:?}_{rows}").to_lowercase(), rows)?;
            let answers = run.measure_reef(server, &site)?;
            if is_first && server == Server::Reef {
                run.measure_peers(&site, &answers)?;
            }
        }
        if is_first {
            run.measure_scenarios(server, reef)?;
        }
    }
    Ok(())
}
