//! The processes: the sandbox, which is never killed, and one Reef on SQLite or two on PostgreSQL.

use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Url};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::balancer;
use crate::client::{self, Customer};

/// How long a process may take to start.
const START_LIMIT: Duration = Duration::from_secs(60);
/// 32 bytes of ones. Both replicas need the same key, which protects nothing here.
const SECRET_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const PASSWORD: &str = "correct horse 9 battery\n";

/// A client that configures the faults of the sandbox.
#[derive(Clone)]
pub struct SandboxFaults {
    http: Client,
    base: String,
}

impl SandboxFaults {
    /// Replaces the configured faults.
    pub async fn set_faults(&self, faults: &Value) -> Result<()> {
        let answer = self.http.put(format!("{}/sandbox/faults", self.base)).json(faults).send().await?;
        let status = answer.status();
        if !status.is_success() {
            bail!("the sandbox rejected faults with {status}: {}", answer.text().await?);
        }
        Ok(())
    }
}

/// Runs commands of the binary on the database of a run.
#[derive(Clone)]
pub struct CommandLine {
    reef: PathBuf,
    folder: PathBuf,
    vars: Vec<(String, String)>,
}

struct Replica {
    address: SocketAddr,
    /// The URL of the database as this replica reaches it.
    database: String,
    process: Option<Child>,
    log: PathBuf,
}

/// All processes of a run.
pub struct World {
    folder: TempDir,
    command_line: CommandLine,
    sandbox_process: Child,
    sandbox: SandboxFaults,
    replicas: Vec<Replica>,
    public: String,
    http: Client,
}

impl World {
    /// Starts one Reef on SQLite.
    pub async fn start_on_sqlite(reef: &Path) -> Result<Self> {
        let folder = folder()?;
        let url = format!("sqlite://{}", folder.path().join("reef.db").display());
        Self::start_all(reef, folder, url.clone(), vec![url]).await
    }

    /// Starts two Reefs on a new PostgreSQL database, which is kept so that problems can be analyzed.
    pub async fn start_on_postgres(reef: &Path, server: &str, seed: u64) -> Result<Self> {
        let url = create_database(server, "chaos", seed).await?;
        let url = String::from(url);
        Self::start_on(reef, url.clone(), vec![url.clone(), url]).await
    }

    /// Starts a Reef for each of `replicas`, which are URLs of the same database. Commands use `database`.
    pub async fn start_on(reef: &Path, database: String, replicas: Vec<String>) -> Result<Self> {
        Self::start_all(reef, folder()?, database, replicas).await
    }

    async fn start_all(
        reef: &Path,
        folder: TempDir,
        database: String,
        replicas: Vec<String>,
    ) -> Result<Self> {
        let http = client::http_client()?;
        let sandbox_address = free_address()?;
        let base = format!("http://{sandbox_address}");
        let replicas: Vec<_> = replicas
            .into_iter()
            .enumerate()
            .map(|(number, database)| {
                let log = folder.path().join(format!("reef-{number}.log"));
                Ok(Replica { address: free_address()?, database, process: None, log })
            })
            .collect::<Result<_>>()?;
        let balancer = balancer::start(replicas.iter().map(|replica| replica.address).collect()).await?;
        let public = format!("http://{balancer}");
        let bind = sandbox_address.to_string();
        let sandbox_process = reef_command(reef, &folder.path().join("sandbox.log"), folder.path())?
            .args(["sandbox", "--bind", &bind, "--database", "world.db"])
            .stdout(
                File::create(folder.path().join("environment"))
                    .context("the output file of the sandbox could not be created")?,
            )
            .spawn()
            .context("the sandbox could not be started")?;
        wait_for(&http, &format!("{base}/sandbox/")).await?;
        let printed = std::fs::read_to_string(folder.path().join("environment"))
            .context("the variables of the sandbox could not be read")?;
        let given = printed.lines().filter(|line| !line.starts_with('#'));
        let mut vars: Vec<_> = given.filter_map(|line| line.split_once('=')).map(owned_pair).collect();
        vars.extend(
            [
                ("DATABASE_URL", database.as_str()),
                ("PUBLIC_URL", &public),
                ("SECRET_KEY", SECRET_KEY),
                ("RATE_LIMIT_PER_MINUTE", "1000000"),
                // Clients may name an address of their own, so that not all count as one sender of invalid keys.
                ("TRUSTED_PROXIES", "127.0.0.1"),
                ("RUST_LOG", "info"),
            ]
            .map(owned_pair),
        );
        let sandbox = SandboxFaults { http: http.clone(), base };
        let command_line = CommandLine { reef: reef.to_owned(), folder: folder.path().to_owned(), vars };
        let mut this = Self { folder, command_line, sandbox_process, sandbox, replicas, public, http };
        for replica in 0..this.replicas.len() {
            this.start(replica)?;
            this.wait_until_ready(replica).await?;
        }
        Ok(this)
    }

    /// Returns the number of replicas.
    pub const fn replicas(&self) -> usize {
        self.replicas.len()
    }

    /// Returns the folder of logs and databases.
    pub fn folder_path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the addresses of the replicas.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.replicas.iter().map(|replica| replica.address).collect()
    }

    pub const fn command_line(&self) -> &CommandLine {
        &self.command_line
    }

    pub const fn sandbox(&self) -> &SandboxFaults {
        &self.sandbox
    }

    /// Kills a replica with SIGKILL.
    pub async fn kill(&mut self, replica: usize) -> Result<()> {
        if let Some(mut process) = self.replicas[replica].process.take() {
            if let Some(status) = process.try_wait()? {
                bail!("replica {replica} had exited with {status}; see its log");
            }
            process.kill().await.context("a replica could not be killed")?;
        }
        Ok(())
    }

    /// Sends a signal to a running replica, such as `STOP`.
    pub async fn signal(&self, replica: usize, signal: &str) -> Result<()> {
        let process = self.replicas[replica].process.as_ref().and_then(Child::id);
        let id = process.context("the replica is not running")?.to_string();
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(id).status().await;
        anyhow::ensure!(sent.context("kill could not be started")?.success(), "a signal could not be sent");
        Ok(())
    }

    /// Starts a replica without waiting until it is ready.
    pub fn start(&mut self, replica: usize) -> Result<()> {
        let Replica { address, database, process: running, log } = &mut self.replicas[replica];
        let mut command = self.command_line.command(log)?;
        command.arg("serve").env("DATABASE_URL", database).env("BIND_ADDR", address.to_string());
        *running = Some(command.spawn().context("Reef could not be started")?);
        Ok(())
    }

    /// Waits until a replica is ready.
    pub async fn wait_until_ready(&self, replica: usize) -> Result<()> {
        wait_for(&self.http, &format!("http://{}/readyz", self.replicas[replica].address)).await
    }

    /// Creates an account with an API key.
    pub async fn create_customer(&self, number: u64) -> Result<Customer> {
        let email = format!("customer{number}@example.com");
        let command_line = &self.command_line;
        command_line.run(&["user", "create", "--email", &email, "--password-stdin"]).await?;
        let key = command_line.run(&["key", "create", "--email", &email, "--name", "chaos"]).await?;
        let callback_secret = command_line.run(&["callback-secret", "--email", &email]).await?;
        let (base, sandbox) = (self.public.clone(), self.sandbox.base.clone());
        Ok(Customer { http: self.http.clone(), base, sandbox, email, key, callback_secret })
    }

    /// Kills the replicas and the sandbox.
    pub async fn kill_all(&mut self) {
        let all = self.replicas.iter_mut().filter_map(|replica| replica.process.as_mut());
        for process in all.chain([&mut self.sandbox_process]) {
            if let Err(error) = process.kill().await {
                eprintln!("chaos: a process could not be killed: {error}");
            }
        }
    }

    /// Keeps the folder and returns its path.
    pub fn persist_folder(self) -> PathBuf {
        self.folder.keep()
    }
}

impl CommandLine {
    /// Returns the binary as a command with the settings of the run. Its output is appended to `log`.
    fn command(&self, log: &Path) -> Result<Command> {
        let mut command = reef_command(&self.reef, log, &self.folder)?;
        command.envs(self.vars.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Runs a command of the binary and returns its output.
    pub async fn run(&self, args: &[&str]) -> Result<String> {
        let mut command = self.command(&self.folder.join("commands.log"))?;
        command.args(args);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the command could not be started")?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that reads no input may have exited already.
            drop(stdin.write_all(PASSWORD.as_bytes()).await);
        }
        let output = child.wait_with_output().await.context("the command could not be awaited")?;
        if !output.status.success() {
            bail!("`reef {}` failed; see commands.log", args.join(" "));
        }
        Ok(String::from_utf8(output.stdout)
            .context("the output of the command is not UTF-8")?
            .trim()
            .to_owned())
    }
}

/// Creates a database on a PostgreSQL server and returns its URL.
pub async fn create_database(server: &str, prefix: &str, seed: u64) -> Result<Url> {
    let name = format!("{prefix}_{seed:016x}_{}", std::process::id());
    let mut connection = PgConnection::connect(server).await.context("PostgreSQL could not be reached")?;
    // The name consists of letters, digits and underscores, so that it needs no escaping.
    let create = AssertSqlSafe(format!("create database {name}"));
    connection.execute(create).await.context("the database could not be created")?;
    let mut url = Url::parse(server).context("the URL of PostgreSQL could not be parsed")?;
    url.set_path(&name);
    Ok(url)
}

fn folder() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("reef-chaos-")
        .tempdir()
        .context("the temporary folder could not be created")
}

/// Returns a command that runs the binary in `folder` with an empty environment and appends its output to `log`.
fn reef_command(reef: &Path, log: &Path, folder: &Path) -> Result<Command> {
    let log = OpenOptions::new().create(true).append(true).open(log).context("a log could not be opened")?;
    let mut command = Command::new(reef);
    let out = log.try_clone().context("a log could not be opened twice")?;
    command.env_clear().current_dir(folder).stdin(Stdio::null()).stdout(out).stderr(log).kill_on_drop(true);
    Ok(command)
}

fn owned_pair((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn free_address() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).context("no port is free")
}

async fn wait_for(http: &Client, url: &str) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < START_LIMIT {
        let answer = http.get(url).timeout(Duration::from_secs(2)).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("{url} did not respond within {} s", START_LIMIT.as_secs())
}
