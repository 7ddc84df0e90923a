//! Programs of the operating system: PostgreSQL, Chromium, Python, Node.js and wrk. Missing ones are installed with apt-get if
//! possible.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::run::{command, find, output_of, print_progress, run};

/// Returns the folder of PostgreSQL's `initdb` and `postgres`, and installs PostgreSQL if it is missing.
pub fn postgres_bin() -> Result<PathBuf> {
    if let Some(folder) = find_postgres() {
        return Ok(folder);
    }
    install("postgresql", "PostgreSQL 15 or newer (or set TEST_DATABASE_URL)")?;
    find_postgres().context("PostgreSQL was installed, but there is no initdb in /usr/lib/postgresql/*/bin")
}

/// Returns `CHROMIUM` or a Chromium on PATH, and installs it if it is missing.
pub fn chromium() -> Result<PathBuf> {
    if let Some(path) = env::var_os("CHROMIUM").filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(path));
    }
    let on_path = || ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(find);
    if let Some(path) = on_path() {
        return Ok(path);
    }
    install("chromium", "Chromium (or set CHROMIUM to its path)")?;
    on_path().context("Chromium was installed, but is not on PATH")
}

/// Returns a Python with `venv` and `pip`, and installs them if they are missing.
pub fn python() -> Result<PathBuf> {
    // Debian packages both separately from the interpreter.
    let usable =
        || find("python3").filter(|python| output_of(python, &["-c", "import venv, ensurepip"]).is_some());
    if let Some(path) = usable() {
        return Ok(path);
    }
    install("python3-venv", "Python 3.11 or newer with venv")?;
    usable().context("python3-venv was installed, but python3 cannot import venv")
}

/// Returns the load generator wrk, and installs it if it is missing.
pub fn wrk() -> Result<PathBuf> {
    if let Some(path) = find("wrk") {
        return Ok(path);
    }
    install("wrk", "wrk")?;
    find("wrk").context("wrk was installed, but is not on PATH")
}

/// Returns Node.js, which is not installed automatically, because Debian's is older than what the packages need.
pub fn node() -> Result<PathBuf> {
    find("node").context("node is missing: install Node.js 20 or newer")
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    output_of("id", &["-u"]).as_deref() == Some("0")
}

/// Searches PATH and then Debian's folders, where the newest version wins.
fn find_postgres() -> Option<PathBuf> {
    if let (Some(_), Some(postgres)) = (find("initdb"), find("postgres")) {
        return postgres.parent().map(PathBuf::from);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").is_file() && bin.join("postgres").is_file())
        .collect();
    versions.sort();
    versions.pop().map(|(_, bin)| bin)
}

fn install(package: &str, what: &str) -> Result<()> {
    let sudo: &[&str] = match (find("apt-get"), is_root(), output_of("sudo", &["-n", "true"])) {
        (Some(_), true, _) => &["env"],
        (Some(_), false, Some(_)) => &["sudo", "-n", "env"],
        _ => bail!("{what} is missing and could not be installed automatically: install it and try again"),
    };
    print_progress(&format!("installing {package} with apt-get"));
    for words in [&["update", "-q"][..], &["install", "-q", "-y", "--no-install-recommends", package]] {
        let arguments = [&sudo[1..], &["DEBIAN_FRONTEND=noninteractive", "apt-get"], words].concat();
        run(&mut command(sudo[0], &arguments))?;
    }
    Ok(())
}
