//! Driving a server with wrk.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::http;
use super::options::Options;
use super::process::Process;
use crate::project;
use crate::run::{command, print_progress};

/// Requests that are sent in turn: to each path, with the same headers.
pub struct Requests {
    pub paths: Vec<String>,
    pub headers: Vec<String>,
    /// Whether the server is expected to refuse all of them.
    pub are_refused: bool,
}

/// The median of several runs.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub requests_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// What the server used during all runs, in percent of one core.
    pub cpu_percent: f64,
    /// The server's resident memory after the last run, in megabytes.
    pub memory_mb: f64,
}

/// The line that `bench/wrk.lua` prints.
#[derive(Deserialize)]
struct Run {
    requests: u64,
    duration_us: f64,
    p50_us: f64,
    p99_us: f64,
    refused: u64,
    broken: u64,
    late: u64,
}

impl Run {
    fn requests_per_second(&self) -> f64 {
        // A run has far fewer requests than an f64 has integers.
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        let requests = self.requests as f64;
        requests / self.duration_us * 1e6
    }
}

/// Runs wrk.
pub struct Wrk {
    pub program: PathBuf,
    /// The folder for the file with the paths.
    pub folder: PathBuf,
}

impl Wrk {
    /// Warms the server up, then measures it.
    pub fn measure(&self, options: &Options, server: &Process, requests: &Requests) -> Result<Load> {
        let (path, expected) = (&requests.paths[0], if requests.are_refused { 401 } else { 200 });
        let response = http::get(server.address, path, &requests.headers)?;
        if response.status != expected {
            bail!("GET {path} returned {} instead of {expected}: {}", response.status, response.body);
        }
        let run = |duration| self.run(options, server.address, requests, duration);
        run(Duration::from_secs(1))?;
        let (cpu_before, mut runs) = (server.cpu_seconds()?, Vec::new());
        for _ in 0..options.runs() {
            runs.push(run(options.duration())?);
        }
        let seconds: f64 = runs.iter().map(|run| run.duration_us / 1e6).sum();
        let cpu_percent = (server.cpu_seconds()? - cpu_before) / seconds * 100.0;
        runs.sort_by(|a, b| a.requests_per_second().total_cmp(&b.requests_per_second()));
        let median = &runs[runs.len() / 2];
        Ok(Load {
            requests_per_second: median.requests_per_second(),
            p50_ms: median.p50_us / 1e3,
            p99_ms: median.p99_us / 1e3,
            cpu_percent,
            memory_mb: server.memory_mb()?,
        })
    }

    fn run(
        &self,
        options: &Options,
        address: SocketAddr,
        requests: &Requests,
        duration: Duration,
    ) -> Result<Run> {
        let paths = self.folder.join("paths");
        fs::write(&paths, requests.paths.join("\n")).context("the paths for wrk could not be written")?;
        let mut wrk = command(&self.program, &[]);
        wrk.arg(format!("--threads={}", options.threads))
            .arg(format!("--connections={}", options.connections))
            .arg(format!("--duration={}s", duration.as_secs()))
            .arg("--script")
            .arg(project::root().join("bench/wrk.lua"));
        for header in &requests.headers {
            wrk.args(["--header", header]);
        }
        let output = wrk
            .arg(format!("http://{address}"))
            .arg("--")
            .arg(&paths)
            .stderr(Stdio::inherit())
            .output()
            .context("wrk could not be started")?;
        let run = parse(&String::from_utf8_lossy(&output.stdout))?;
        check(&run, requests)?;
        Ok(run)
    }
}

fn parse(output: &str) -> Result<Run> {
    let line = output.lines().find_map(|line| line.strip_prefix("RESULT "));
    let line = line.with_context(|| format!("wrk printed no result: {}", output.trim()))?;
    serde_json::from_str(line).context("the result of wrk could not be parsed")
}

/// A server that fails is fast, so its figures mean nothing.
fn check(run: &Run, requests: &Requests) -> Result<()> {
    let expected = if requests.are_refused { run.requests } else { 0 };
    if run.requests == 0 || run.refused != expected || run.broken > 0 {
        bail!(
            "of {} requests to {} the server refused {} and broke {}",
            run.requests,
            requests.paths[0],
            run.refused,
            run.broken
        );
    }
    if run.late > 0 {
        print_progress(&format!("{} requests took longer than 2 s", run.late));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"RESULT {"requests":200,"duration_us":100000,"p50_us":500,"p99_us":900,"refused":0,"broken":0,"late":0}"#;

    fn requests(are_refused: bool) -> Requests {
        Requests { paths: vec!["/".to_owned()], headers: Vec::new(), are_refused }
    }

    #[test]
    fn result_is_found_in_output() {
        let run = parse(&format!("Running 1s test\n{LINE}\nRequests/sec: 1")).unwrap();
        assert!((run.requests_per_second() - 2000.0).abs() < 1e-6);
        assert!(parse("Running 1s test").is_err());
    }

    #[test]
    fn unexpected_responses_are_an_error() {
        let run = parse(LINE).unwrap();
        assert!(check(&run, &requests(false)).is_ok());
        assert!(check(&run, &requests(true)).is_err());
        let refused = parse(&LINE.replace("\"refused\":0", "\"refused\":200")).unwrap();
        assert!(check(&refused, &requests(true)).is_ok());
        assert!(check(&refused, &requests(false)).is_err());
    }
}
