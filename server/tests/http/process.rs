//! The built binary as a process: what only the command line and signals can show.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client as Http;
use tempfile::TempDir;

use crate::client::{Client, http_client};
use crate::support::eventually;

/// A command of the binary with these variables and nothing else of the tests' environment.
pub fn reef(args: &[&str], vars: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reef"));
    command.args(args).env_clear().envs(vars.iter().copied()).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A free port of loopback, likely still free when it is asked for.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// A process in a folder, which dies with the test.
pub struct Process {
    child: Child,
    pub base: String,
    pub http: Http,
}

impl Process {
    /// Starts `args` in `folder` and waits until `probe` answers 200.
    pub async fn start(folder: &Path, args: &[&str], vars: &[(&str, &str)], base: &str, probe: &str) -> Self {
        let file = |name: &str| {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(folder.join(name));
            file.expect("a file")
        };
        let mut command = reef(args, vars);
        command.current_dir(folder).stdout(file("out")).stderr(file("log"));
        let child = command.spawn().expect("the binary starts");
        let this = Self { child, base: base.to_owned(), http: http_client() };
        let url = format!("{base}{probe}");
        eventually("the process to answer", async || {
            this.http.get(&url).send().await.ok().filter(|answer| answer.status() == 200)
        })
        .await;
        this
    }

    /// A client with this key.
    pub fn client(&self, key: &str) -> Client {
        Client::new(self.http.clone(), self.base.clone(), Some(key.to_owned()))
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("it lives");
        self.child.wait().expect("it is dead");
    }

    /// SIGTERM: how it ended, and after how long.
    pub fn terminate(&mut self) -> (Option<i32>, Duration) {
        let started = Instant::now();
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        let ended = self.child.wait().expect("it ends");
        (ended.code(), started.elapsed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Reef of its own: a folder, a port, and the variables it is started with.
pub struct Installation {
    pub folder: TempDir,
    pub port: u16,
    pub vars: Vec<(String, String)>,
}

impl Installation {
    /// As on a bare machine, with these variables.
    pub fn new(vars: &[(&str, &str)]) -> Self {
        let port = free_port();
        let mut all = vec![("BIND_ADDR".to_owned(), format!("127.0.0.1:{port}"))];
        all.extend(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self { folder: tempfile::tempdir().expect("a folder"), port, vars: all }
    }

    fn vars(&self) -> Vec<(&str, &str)> {
        self.vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// Serves.
    pub async fn serve(&self) -> Process {
        let base = format!("http://127.0.0.1:{}", self.port);
        Process::start(self.folder.path(), &["serve"], &self.vars(), &base, "/readyz").await
    }

    /// Runs a command to its end, with this on its standard input: exit code, standard output and error.
    pub fn run(&self, args: &[&str], input: &str) -> (Option<i32>, String, String) {
        use std::io::Write as _;
        let mut command = reef(args, &self.vars());
        let mut child =
            command.current_dir(self.folder.path()).stdin(Stdio::piped()).spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("piped");
        // A command that does not read it may have ended already.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// The standard output of a command that must work, without its last line break.
    pub fn ok(&self, args: &[&str], input: &str) -> String {
        let (code, out, error) = self.run(args, input);
        assert_eq!(code, Some(0), "{args:?}: {error}");
        out.strip_suffix('\n').unwrap_or(&out).to_owned()
    }

    /// What a command that must not work says: one line.
    pub fn fails(&self, args: &[&str]) -> String {
        let (code, out, error) = self.run(args, "");
        assert!(code.is_some_and(|code| code != 0), "{args:?}: {out}");
        assert_eq!(out, "", "{args:?}");
        error
    }

    /// A new account and a key of its.
    pub fn customer(&self) -> String {
        self.ok(
            &["user", "create", "--email", "ann@example.com", "--password-stdin"],
            "correct horse 9 battery\n",
        );
        self.ok(&["key", "create", "--email", "ann@example.com", "--name", "test"], "")
    }
}
