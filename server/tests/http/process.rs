//! Runs the built binary as a process, for tests of the command line and of signals.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client as Http;
use tempfile::TempDir;

use crate::client::{Client, http_client};
use crate::support::eventually;

/// A command of the binary with only these variables in its environment.
pub fn reef_command(args: &[&str], vars: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reef"));
    command.args(args).env_clear().envs(vars.iter().copied()).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Returns a loopback port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("no free port");
    listener.local_addr().expect("the listener has no address").port()
}

/// A running process, which is killed when dropped.
pub struct Process {
    child: Child,
    pub base: String,
    pub http: Http,
}

impl Process {
    /// Starts a command in `folder` and waits until `probe` answers 200.
    pub async fn start(folder: &Path, args: &[&str], vars: &[(&str, &str)], base: &str, probe: &str) -> Self {
        let file = |name: &str| {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(folder.join(name));
            file.expect("could not open the file")
        };
        let mut command = reef_command(args, vars);
        command.current_dir(folder).stdout(file("out")).stderr(file("log"));
        let child = command.spawn().expect("could not start the process");
        let this = Self { child, base: base.to_owned(), http: http_client() };
        let url = format!("{base}{probe}");
        eventually("the process to answer", async || {
            this.http.get(&url).send().await.ok().filter(|answer| answer.status() == 200)
        })
        .await;
        this
    }

    pub fn client(&self, key: &str) -> Client {
        Client::new(self.http.clone(), self.base.clone(), Some(key.to_owned()))
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("could not kill the process");
        self.child.wait().expect("could not wait for the process");
    }

    /// Stops the process with SIGTERM, and returns its exit code and how long it took.
    pub fn terminate(&mut self) -> (Option<i32>, Duration) {
        let started = Instant::now();
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        let ended = self.child.wait().expect("could not wait for the process");
        (ended.code(), started.elapsed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An installation of Reef: a folder, a port and the variables of its processes.
pub struct Installation {
    pub folder: TempDir,
    pub port: u16,
    pub vars: Vec<(String, String)>,
}

impl Installation {
    /// An empty installation with these variables.
    pub fn new(vars: &[(&str, &str)]) -> Self {
        let port = free_port();
        let mut all = vec![("BIND_ADDR".to_owned(), format!("127.0.0.1:{port}"))];
        all.extend(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self { folder: tempfile::tempdir().expect("could not create a folder"), port, vars: all }
    }

    fn vars(&self) -> Vec<(&str, &str)> {
        self.vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// Starts `reef serve` and waits until it is ready.
    pub async fn serve(&self) -> Process {
        let base = format!("http://127.0.0.1:{}", self.port);
        Process::start(self.folder.path(), &["serve"], &self.vars(), &base, "/readyz").await
    }

    /// Runs a command with this standard input, and returns its exit code, standard output and standard error.
    pub fn run(&self, args: &[&str], input: &str) -> (Option<i32>, String, String) {
        use std::io::Write as _;
        let mut command = reef_command(args, &self.vars());
        let mut child = command
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .spawn()
            .expect("could not start the process");
        let mut stdin = child.stdin.take().expect("standard input is not piped");
        // A command that does not read its input may have exited already.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("could not wait for the process");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is not UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// Runs a command that must succeed, and returns its standard output without the last line break.
    pub fn ok(&self, args: &[&str], input: &str) -> String {
        let (code, out, error) = self.run(args, input);
        assert_eq!(code, Some(0), "{args:?}: {error}");
        out.strip_suffix('\n').unwrap_or(&out).to_owned()
    }

    /// Runs a command that must fail, and returns its standard error.
    pub fn fails(&self, args: &[&str]) -> String {
        let (code, out, error) = self.run(args, "");
        assert!(code.is_some_and(|code| code != 0), "{args:?}: {out}");
        assert_eq!(out, "", "{args:?}");
        error
    }

    /// Creates an account and returns an API key for it.
    pub fn customer(&self) -> String {
        self.ok(
            &["user", "create", "--email", "ann@example.com", "--password-stdin"],
            "correct horse 9 battery\n",
        );
        self.ok(&["key", "create", "--email", "ann@example.com", "--name", "test"], "")
    }
}
