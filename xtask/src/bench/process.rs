//! A server in a process of its own, and what the kernel says about its memory and its time.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::http;
use crate::run::{output_of, print_progress};

const START_LIMIT: Duration = Duration::from_secs(60);
/// Reef ends within 25 s.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// The kernel's clock ticks in a second, in which `/proc` counts the time of processes.
static TICKS: LazyLock<f64> =
    LazyLock::new(|| output_of("getconf", &["CLK_TCK"]).and_then(|text| text.parse().ok()).unwrap_or(100.0));

/// A running server. It is stopped on drop.
pub struct Process {
    pub address: SocketAddr,
    name: String,
    child: Child,
    log: PathBuf,
    started: Instant,
}

impl Process {
    /// Starts a server whose standard output and error go to a file in `logs`.
    pub fn start(name: &str, command: &mut Command, address: SocketAddr, logs: &Path) -> Result<Self> {
        let log = logs.join(format!("{}.log", name.replace([' ', ','], "-")));
        let file = File::create(&log).with_context(|| format!("{} could not be created", log.display()))?;
        let out = file.try_clone().context("the log could not be opened twice")?;
        let started = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{name} could not be started"))?;
        Ok(Self { address, name: name.to_owned(), child, log, started })
    }

    /// Waits until GET for `path` returns 200. Returns the time since the start.
    pub fn wait_until_ready(&mut self, path: &str, headers: &[String]) -> Result<Duration> {
        while self.started.elapsed() < START_LIMIT {
            if http::get(self.address, path, headers).is_ok_and(|response| response.status == 200) {
                return Ok(self.started.elapsed());
            }
            if let Some(status) = self.child.try_wait().context("the state of a server could not be read")? {
                bail!("{} ended with {status}: {}", self.name, self.end_of_log());
            }
            thread::sleep(Duration::from_millis(2));
        }
        bail!("{} was not ready within {} s: {}", self.name, START_LIMIT.as_secs(), self.end_of_log())
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn end_of_log(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join(" / ")
    }

    /// Returns the processor time that the server has used.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let text = self.read_proc("stat")?;
        // The name of the program, in parentheses, may contain spaces. utime and stime are the fields 14 and 15.
        let fields = text.rsplit_once(')').map(|(_, rest)| rest.split_whitespace()).into_iter().flatten();
        let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        Ok(ticks.iter().sum::<f64>() / *TICKS)
    }

    /// Returns the resident memory.
    pub fn memory_mb(&self) -> Result<f64> {
        let text = self.read_proc("status")?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kb = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        Ok(kb.context("/proc has no resident memory")? / 1024.0)
    }

    fn read_proc(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).with_context(|| format!("{} has ended: {}", self.name, self.end_of_log()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let asked = output_of("kill", &["-TERM", &self.child.id().to_string()]).is_some();
        let started = Instant::now();
        while asked && started.elapsed() < STOP_LIMIT {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            print_progress(&format!("{} could not be stopped: {error}", self.name));
        }
    }
}

/// Returns an address on this machine that is free.
pub fn free_address() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).context("no port is free")
}
