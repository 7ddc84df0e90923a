//! A private PostgreSQL server for tests and measurements, in a temporary folder and on a free port.

use std::env;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::run::{command, output_of, print_progress};
use crate::system;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// The PostgreSQL server of the tests. It is stopped on drop if this module started it.
pub struct Postgres {
    /// The value of `TEST_DATABASE_URL` for the tests.
    pub url: String,
    server: Option<(Child, TempDir)>,
}

/// Whether commits of a server that this module starts survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing is synced to disk, because test data need not survive.
    Test,
    /// PostgreSQL's defaults.
    Production,
}

impl Durability {
    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Test => &["-F", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"],
            Self::Production => &[],
        }
    }
}

/// Uses the server that `TEST_DATABASE_URL` names, or starts one for tests.
pub fn start() -> Result<Postgres> {
    if let Ok(url) = env::var("TEST_DATABASE_URL") {
        print_progress("using the PostgreSQL of TEST_DATABASE_URL");
        return Ok(Postgres { url, server: None });
    }
    start_private(Durability::Test)
}

/// Starts a server. PostgreSQL refuses to run as root, so root runs it as the user `postgres`.
pub fn start_private(durability: Durability) -> Result<Postgres> {
    let bin = system::postgres_bin()?;
    print_progress(&format!("starting a private PostgreSQL from {}", bin.display()));
    let user = if system::is_root() { Some(find_unprivileged_user()?) } else { None };
    let folder = tempfile::Builder::new()
        .prefix("reef-postgres-")
        .tempdir()
        .context("the temporary folder could not be created")?;
    if let Some((user, group)) = user {
        chown(folder.path(), Some(user), Some(group))
            .context("the owner of the temporary folder could not be changed")?;
    }
    let program = |name: &str, args: &[&str]| {
        let mut command = command(bin.join(name), args);
        command.current_dir(folder.path()).env("LC_ALL", "C");
        if let Some((user, group)) = user {
            command.uid(user).gid(group);
        }
        command
    };
    let initdb =
        ["--pgdata=data", "--username=reef", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"];
    let made = program("initdb", &initdb).output().context("initdb could not be started")?;
    if !made.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr).trim());
    }
    let port = free_port()?;
    let log = folder.path().join("log");
    let options = [&["-D", "data", "-k", "."], durability.options()].concat();
    let server = spawn_server(&mut program("postgres", &options), port, &log)?;
    let mut postgres = Postgres {
        url: format!("postgres://reef@127.0.0.1:{port}/postgres"),
        server: Some((server, folder)),
    };
    postgres.wait_until_ready(&log)?;
    Ok(postgres)
}

fn spawn_server(postgres: &mut Command, port: u16, log: &Path) -> Result<Child> {
    let log = File::create(log).context("the log of PostgreSQL could not be created")?;
    let port = port.to_string();
    postgres
        .args(["-h", "127.0.0.1", "-p", &port])
        .args(["-c", "max_connections=300"])
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("postgres could not be started")
}

/// Returns the user and group ids of `postgres` or `nobody`.
fn find_unprivileged_user() -> Result<(u32, u32)> {
    for name in ["postgres", "nobody"] {
        let id = |flag| output_of("id", &[flag, name]).and_then(|id| id.parse().ok());
        if let (Some(user), Some(group)) = (id("-u"), id("-g")) {
            return Ok((user, group));
        }
    }
    bail!("PostgreSQL cannot run as root, and neither the user postgres nor nobody exists")
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    Ok(listener.local_addr().context("the address of the free port could not be read")?.port())
}

impl Postgres {
    fn wait_until_ready(&mut self, log: &Path) -> Result<()> {
        let Some((server, _)) = &mut self.server else { return Ok(()) };
        let started = Instant::now();
        while started.elapsed() < START_LIMIT {
            let text = fs::read_to_string(log).context("the log of PostgreSQL could not be read")?;
            if text.contains("ready to accept connections") {
                return Ok(());
            }
            if let Some(status) = server.try_wait().context("the status of postgres could not be read")? {
                bail!("postgres exited with {status}: {}", text.trim());
            }
            thread::sleep(Duration::from_millis(50));
        }
        bail!("postgres was not ready within {} s", START_LIMIT.as_secs())
    }
}

impl Drop for Postgres {
    /// Sends SIGINT, which makes PostgreSQL close its connections and stop its child processes.
    fn drop(&mut self) {
        let Some((server, _folder)) = &mut self.server else { return };
        let asked = output_of("kill", &["-INT", &server.id().to_string()]).is_some();
        let started = Instant::now();
        while asked && started.elapsed() < STOP_LIMIT {
            if !matches!(server.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        if let Err(error) = server.kill().and_then(|()| server.wait()) {
            print_progress(&format!("PostgreSQL could not be stopped: {error}"));
        }
    }
}
