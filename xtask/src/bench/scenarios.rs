//! The measurements with a client of our own, `bench/load`, because wrk only repeats requests.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::options::{Measure, Options, Server};
use super::process::Process;
use super::requests::Run;
use super::results::Scenario;
use super::site::Site;
use crate::run::print_progress;

/// The sizes of the scenarios.
struct Size {
    bots: usize,
    messages: usize,
    streams: usize,
    seconds: usize,
}

impl Size {
    const fn of(options: &Options) -> Self {
        if options.quick {
            Self { bots: 20, messages: 5, streams: 1_000, seconds: 3 }
        } else {
            Self { bots: 200, messages: 20, streams: 10_000, seconds: 10 }
        }
    }

    /// Two assistants for each user with streams, and one for each of 100 unrelated changes a second; also the 100 of the
    /// measured user.
    const fn rows_for_streams(&self) -> u64 {
        (100 + self.streams + 100 * self.seconds + 100) as u64
    }
}

impl Run<'_> {
    /// Runs the scenarios that are wanted, each on an installation of its own.
    pub fn measure_scenarios(&mut self, server: Server, reef: &Path) -> Result<()> {
        let size = Size::of(self.options);
        for (measure, rows) in [(Measure::Bots, 100), (Measure::Streams, size.rows_for_streams())] {
            if !self.options.wants(measure) {
                continue;
            }
            let name = format!("{server:?}_{measure:?}").to_lowercase();
            let site = Site::create(self.programs, reef, self.database, &name, rows)?;
            let (process, _) = site.start(server.name())?;
            let numbers = match measure {
                Measure::Bots => self.talk_to_bots(&size, &process, &site)?,
                _ => self.open_streams(&size, &process, &site)?,
            };
            let scenario = Scenario { measure, server, database: self.database, numbers };
            print_progress(&scenario.line());
            self.results.scenarios.push(scenario);
        }
        Ok(())
    }

    fn talk_to_bots(&self, size: &Size, process: &Process, site: &Site) -> Result<Vec<(String, f64)>> {
        let (reef, sandbox) = (process.address.to_string(), site.sandbox.address.to_string());
        let (bots, messages) = (size.bots.to_string(), size.messages.to_string());
        let place = ["bots", "--reef", &reef, "--sandbox", &sandbox, "--key", &site.key];
        let amount = ["--bots", &bots, "--messages", &messages];
        numbers(&self.programs.run_load(&[&place[..], &amount].concat())?)
    }

    fn open_streams(&self, size: &Size, process: &Process, site: &Site) -> Result<Vec<(String, f64)>> {
        let (reef, pid) = (process.address.to_string(), process.id().to_string());
        let (streams, seconds) = (size.streams.to_string(), size.seconds.to_string());
        let place = ["streams", "--reef", &reef, "--pid", &pid, "--database", &site.database_url];
        let amount = ["--streams", &streams, "--seconds", &seconds];
        numbers(&self.programs.run_load(&[&place[..], &amount].concat())?)
    }
}

/// Reads the names and numbers of a result, in their order.
fn numbers(result: &Value) -> Result<Vec<(String, f64)>> {
    let pairs = result.as_object().context("the result of bench/load is not an object")?.iter();
    let read = |(name, value): (&String, &Value)| {
        let number = value.as_f64().with_context(|| format!("{name} is not a number"))?;
        Ok((name.clone(), number))
    };
    pairs.map(read).collect()
}
