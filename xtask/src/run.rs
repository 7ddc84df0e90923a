//! Running commands, with errors that name the command.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::counts::Counts;
use crate::project;

/// Prints progress on standard error, because standard output belongs to the commands.
pub fn print_progress(what: &str) {
    eprintln!("xtask: {what}");
}

/// Returns a command that runs in the root of the repository.
pub fn command(program: impl AsRef<OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(project::root()).stdin(Stdio::null());
    // `cargo xtask` sets these for the package xtask. The build script of ring watches them, so with them cargo would
    // recompile ring and its dependents after every switch between `cargo xtask` and other cargo commands.
    for (name, _) in env::vars_os() {
        let is_of_xtask = name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if is_of_xtask {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command with its output shown. A status other than 0 is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("`{}` could not be started", describe(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", describe(command));
    }
    Ok(())
}

/// Runs a test runner with its output shown and adds the numbers of its tests to `counts`. Failed tests are counted, and
/// cause an error.
pub fn run_counting(command: &mut Command, counts: &mut Counts) -> Result<()> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{}` could not be started", describe(command)))?;
    let stdout = child.stdout.take().expect("the output is piped");
    let stderr = child.stderr.take().expect("the output is piped");
    let stderr_thread = thread::spawn(move || copy_and_count(stderr, std::io::stderr()));
    let stdout_counts = copy_and_count(stdout, std::io::stdout());
    let status = child.wait().context("the test runner could not be awaited")?;
    counts.add(stdout_counts);
    counts.add(stderr_thread.join().expect("the thread that copies the output does not panic"));
    if !status.success() {
        bail!("`{}` failed ({status})", describe(command));
    }
    Ok(())
}

/// Copies the output line by line and counts its tests. Write errors are ignored, so that a closed terminal does not stop
/// the tests.
fn copy_and_count(from: impl Read, mut to: impl Write) -> Counts {
    let mut counts = Counts::default();
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let _ = to.write_all(&line);
        counts.add(Counts::parse_line(&String::from_utf8_lossy(&line)));
        line.clear();
    }
    counts
}

/// Returns the trimmed standard output of a command, or `None` if it fails.
pub fn output_of(program: impl AsRef<OsStr>, args: &[&str]) -> Option<String> {
    let output = command(program, args).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Finds a program on PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Returns PATH with `folders` in front.
pub fn path_with(folders: &[&Path]) -> Result<std::ffi::OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().map(|folder| folder.to_path_buf()).chain(env::split_paths(&path));
    env::join_paths(all).context("a folder cannot be part of PATH")
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
