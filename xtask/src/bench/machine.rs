//! The machine and the versions of what was measured, without which the figures mean nothing.

use std::fs;
use std::thread;

use super::programs::Programs;
use crate::run::output_of;
use crate::system;

/// Returns names and values for a table.
pub fn describe(programs: &Programs) -> Vec<(&'static str, String)> {
    let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let version = |program: &std::path::Path| output_of(program, &["--version"]).map(first_line);
    let postgres = programs.postgres.as_ref().and_then(|_| system::postgres_bin().ok());
    let postgres = postgres.and_then(|bin| version(&bin.join("postgres")));
    let all = [
        ("Date", output_of("date", &["-u", "+%Y-%m-%d"])),
        ("Commit", commit()),
        ("Processor", find_line("/proc/cpuinfo", "model name")),
        ("Cores", thread::available_parallelism().ok().map(|cores| cores.to_string())),
        ("Memory", find_line("/proc/meminfo", "MemTotal").map(|memory| gigabytes(&memory))),
        ("Kernel", output_of("uname", &["-sr"])),
        ("Rust", output_of("rustc", &["--version"])),
        ("PostgreSQL", postgres),
        ("Node.js", version(&programs.node)),
        ("Python", version(&programs.python)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The commit of this repository. A binary that was given may be another.
fn commit() -> Option<String> {
    let commit = output_of("git", &["rev-parse", "--short=7", "HEAD"])?;
    let is_clean = output_of("git", &["status", "--porcelain"])?.is_empty();
    Some(if is_clean { commit } else { format!("{commit}, with changes") })
}

fn find_line(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn gigabytes(kb: &str) -> String {
    let kb: Option<u64> = kb.trim_end_matches(" kB").parse().ok();
    kb.map_or_else(String::new, |kb| format!("{} GB", kb.div_ceil(1024 * 1024)))
}
