//! An installation of Reef as in production: a database with assistants, a user with an API key, and vendors outside the
//! process, which the sandbox plays in a process of its own.
//!
//! Reef runs as its operators run it: the log is on and goes to a file, and only the rate limits are raised, because a
//! single key sends all requests.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use super::http;
use super::options::Database;
use super::process::{Process, free_address};
use super::programs::Programs;
use crate::run::print_progress;

const EMAIL: &str = "bench@example.com";
const PASSWORD: &str = "correct horse battery staple 9";
/// 32 bytes of ones, which protect nothing here.
const SECRET_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
/// More requests in a minute than any machine can send.
const NO_LIMIT: &str = "1000000000";

/// An installation, whose server is not running yet.
pub struct Site {
    pub folder: TempDir,
    pub database_url: String,
    pub user: String,
    pub key: String,
    /// The ids of the user's assistants, newest first.
    pub assistants: Vec<String>,
    reef: PathBuf,
    address: SocketAddr,
    vars: Vec<(String, String)>,
    pub sandbox: Process,
}

impl Site {
    /// Creates the database and fills it with `rows` assistants. `name` is for files and databases.
    pub fn create(
        programs: &Programs,
        reef: &Path,
        database: Database,
        name: &str,
        rows: u64,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("reef-bench-")
            .tempdir()
            .context("the temporary folder could not be created")?;
        let database_url = match database {
            Database::Sqlite => format!("sqlite://{}", folder.path().join("reef.db").display()),
            Database::Postgres => programs.create_database(name)?,
        };
        let (sandbox, mut vars) = start_sandbox(reef, folder.path())?;
        let address = free_address()?;
        let own = [
            ("BIND_ADDR", address.to_string()),
            ("PUBLIC_URL", format!("http://{address}")),
            ("DATABASE_URL", database_url.clone()),
            ("SECRET_KEY", SECRET_KEY.to_owned()),
            ("RATE_LIMIT_PER_MINUTE", NO_LIMIT.to_owned()),
            ("AUTH_FAILURES_PER_MINUTE", NO_LIMIT.to_owned()),
        ];
        vars.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let reef = reef.to_owned();
        let (user, key, assistants) = (String::new(), String::new(), Vec::new());
        let mut site = Self { folder, database_url, user, key, assistants, reef, address, vars, sandbox };
        site.run(&["migrate"])?;
        site.user = site.run(&["user", "create", "--email", EMAIL, "--password-stdin"])?;
        site.key = site.run(&["key", "create", "--email", EMAIL, "--name", "bench"])?;
        print_progress(&format!("filling {} with {rows} assistants", database.name()));
        site.assistants = site.fill(programs, rows)?;
        Ok(site)
    }

    /// Starts the server and waits until it is ready. Returns it with the time that this took.
    pub fn start(&self, name: &str) -> Result<(Process, Duration)> {
        let mut command = self.command(&["serve"]);
        let mut server = Process::start(name, &mut command, self.address, self.folder.path())?;
        let took = server.wait_until_ready("/readyz", &[])?;
        Ok((server, took))
    }

    /// Signs in at the running server and returns the cookie of the session.
    pub fn sign_in(&self) -> Result<String> {
        let form = format!("email={}&password={}", EMAIL.replace('@', "%40"), PASSWORD.replace(' ', "+"));
        let response = http::post_form(self.address, "/_fn/sign_in", &form)?;
        let cookie = response.headers("set-cookie").find(|cookie| cookie.starts_with("reef="));
        let cookie =
            cookie.with_context(|| format!("signing in returned {} without a session", response.status))?;
        Ok(cookie.split(';').next().unwrap_or_default().to_owned())
    }

    /// The binary of Reef.
    pub fn binary(&self) -> &Path {
        &self.reef
    }

    fn fill(&self, programs: &Programs, rows: u64) -> Result<Vec<String>> {
        let (public, rows) = (format!("http://{}", self.address), rows.to_string());
        let place = ["--database", &self.database_url, "--user", &self.user];
        let filled =
            programs.run_load(&[&["fill", "--public-url", &public, "--rows", &rows], &place[..]].concat())?;
        let ids = filled["assistants"].as_array().into_iter().flatten();
        Ok(ids.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.reef);
        command.args(args).env_clear().envs(self.vars.iter().cloned()).current_dir(self.folder.path());
        command
    }

    /// Runs a command of the binary and returns what it prints.
    fn run(&self, args: &[&str]) -> Result<String> {
        let log = File::create(self.folder.path().join("commands.log")).context("no log could be created")?;
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} could not be started", self.reef.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that reads no input may have ended already.
            drop(stdin.write_all(format!("{PASSWORD}\n").as_bytes()));
        }
        let output = child.wait_with_output().context("a command of Reef could not be awaited")?;
        if !output.status.success() {
            let log = fs::read_to_string(self.folder.path().join("commands.log")).unwrap_or_default();
            bail!("`reef {}` failed: {}", args.join(" "), log.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// Starts the sandbox and returns the variables that point Reef to it.
fn start_sandbox(reef: &Path, folder: &Path) -> Result<(Process, Vec<(String, String)>)> {
    let address = free_address()?;
    let bind = address.to_string();
    let mut command = Command::new(reef);
    command.args(["sandbox", "--bind", &bind, "--database", "world.db"]).env_clear().current_dir(folder);
    let mut sandbox = Process::start("sandbox", &mut command, address, folder)?;
    sandbox.wait_until_ready("/sandbox/", &[])?;
    let started = Instant::now();
    // The variables are printed among the lines of the log, which go to the same file.
    let vars = loop {
        let text = fs::read_to_string(folder.join("sandbox.log")).context("the sandbox has no log")?;
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        let vars: Vec<_> = pairs.filter(|(name, _)| is_name(name)).collect();
        if vars.iter().any(|(name, _)| *name == "CALLBACK_OVERRIDES") {
            break vars.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        }
        if started.elapsed() > Duration::from_secs(10) {
            bail!("the sandbox printed no variables: {}", text.trim());
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    Ok((sandbox, vars))
}
