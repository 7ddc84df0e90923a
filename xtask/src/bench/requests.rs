//! The measurements with wrk, and those of the process that answers.

use anyhow::Result;

use super::options::{Database, Measure, Options, Server};
use super::peers::{self, Answers};
use super::process::Process;
use super::programs::Programs;
use super::results::{Figure, Results, Startup};
use super::site::Site;
use super::startup;
use super::wrk::{Requests, Wrk};
use crate::run::print_progress;

/// The documentation page that is measured.
const DOCS_PAGE: &str = "/docs/quick-start";

/// The measurements on one database with one number of rows.
pub struct Run<'a> {
    pub options: &'a Options,
    pub programs: &'a Programs,
    pub database: Database,
    pub rows: u64,
    pub results: &'a mut Results,
}

impl Run<'_> {
    /// Measures a binary of Reef. Returns its answers, with which those of the other servers are compared.
    pub fn measure_reef(&mut self, server: Server, site: &Site) -> Result<Answers> {
        if self.options.wants(Measure::Process) {
            let started = startup::measure(self.options.runs(), server, site)?;
            let startup = Startup { server, database: self.database, rows: self.rows, started };
            print_progress(&startup.line());
            self.results.startups.push(startup);
        }
        let (process, _) = site.start(server.name())?;
        let answers = Answers::get(process.address, site)?;
        let cookie = site.sign_in()?;
        for measure in Measure::REQUESTS {
            self.measure(measure, server, &process, site, &cookie)?;
        }
        Ok(answers)
    }

    /// Measures the other servers on the database of `site`, whose own server has stopped.
    pub fn measure_peers(&mut self, site: &Site, answers: &Answers) -> Result<()> {
        if !Measure::REQUESTS.into_iter().any(|one| one.is_compared() && self.options.wants(one)) {
            return Ok(());
        }
        for server in peers::ALL {
            let process = peers::start(self.programs, server, site)?;
            answers.require_same(&Answers::get(process.address, site)?, server)?;
            for measure in Measure::REQUESTS.into_iter().filter(|one| one.is_compared()) {
                self.measure(measure, server, &process, site, "")?;
            }
        }
        Ok(())
    }

    fn measure(
        &mut self,
        measure: Measure,
        server: Server,
        process: &Process,
        site: &Site,
        cookie: &str,
    ) -> Result<()> {
        if !self.options.wants(measure) {
            return Ok(());
        }
        let wrk = Wrk { program: self.programs.wrk.clone(), folder: site.folder.path().to_owned() };
        let load = wrk.measure(self.options, process, &requests(measure, site, cookie))?;
        let figure = Figure { measure, server, database: self.database, rows: self.rows, load };
        print_progress(&figure.line());
        self.results.figures.push(figure);
        Ok(())
    }
}

/// A customer polls all of his assistants, so that the status is requested of each in turn.
fn requests(measure: Measure, site: &Site, cookie: &str) -> Requests {
    let path = |text: &str| vec![text.to_owned()];
    let of_all = |prefix: &str, suffix: &str| {
        site.assistants.iter().map(|id| format!("{prefix}{id}{suffix}")).collect::<Vec<_>>()
    };
    let (paths, headers) = match measure {
        Measure::RefusedKey => {
            let typo = with_wrong_checksum(&site.key);
            (of_all("/api/v1/assistants/", "/status"), vec![format!("X-API-Key: {typo}")])
        }
        Measure::Status => (of_all("/api/v1/assistants/", "/status"), peers::headers(site)),
        Measure::List => (path("/api/v1/assistants?limit=100"), peers::headers(site)),
        Measure::StartPage => (path("/"), Vec::new()),
        Measure::DocsPage => (path(DOCS_PAGE), Vec::new()),
        Measure::Dashboard => (path("/assistants"), vec![format!("Cookie: {cookie}")]),
        _ => (of_all("/assistants/", ""), vec![format!("Cookie: {cookie}")]),
    };
    Requests { paths, headers, are_refused: measure == Measure::RefusedKey }
}

/// A key ends with its checksum.
fn with_wrong_checksum(key: &str) -> String {
    let mut typo = key.to_owned();
    let last = typo.pop();
    typo.push(if last == Some('0') { '1' } else { '0' });
    typo
}
