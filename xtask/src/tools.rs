//! Tools at exact versions, taken from PATH or installed into the cache.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::run::{command, find, output_of, print_progress, run};
use crate::{project, system};

/// The newest version that builds with this toolchain, since 0.22 requires Rust 1.96.
const TRUNK: &str = "0.21.14";

/// cargo-deny checks licenses, sources and advisories with the rules in deny.toml.
const CARGO_DENY: &str = "0.20.2";

/// Optimizing the tools would take minutes, although they run only for seconds.
const FAST_BUILD: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256"),
];

/// Installs the tools that build the site. Returns the folders that must come first on PATH.
pub fn install_for_site() -> Result<Vec<PathBuf>> {
    install_wasm_target()?;
    let bindgen = locked_version("wasm-bindgen")?;
    // The newest versions of trunk's dependencies do not compile together, so it needs `--locked`.
    let trunk_options = ["--locked", "--no-default-features", "--features", "rustls"];
    let trunk = install_cargo_tool("trunk", "trunk", TRUNK, &trunk_options)?;
    // The published lock file of wasm-bindgen-cli does not resolve, so it must be built without `--locked`.
    let bindgen = install_cargo_tool("wasm-bindgen", "wasm-bindgen-cli", &bindgen, &[])?;
    let binaryen = install_npm_packages("frontend")?.join(".bin");
    Ok([trunk, bindgen].into_iter().flatten().chain([binaryen]).collect())
}

/// Returns the path of cargo-deny, and installs it if it is missing.
pub fn install_cargo_deny() -> Result<PathBuf> {
    let folder = install_cargo_tool("cargo-deny", "cargo-deny", CARGO_DENY, &["--no-default-features"])?;
    Ok(folder.unwrap_or_default().join("cargo-deny"))
}

/// Installs the packages of `folder/package-lock.json` unless they are installed. Returns the `node_modules` folder.
pub fn install_npm_packages(folder: &str) -> Result<PathBuf> {
    let folder = project::root().join(folder);
    let modules = folder.join("node_modules");
    let stamp = modules.join(".reef-installed");
    let wanted = fs::read_to_string(folder.join("package-lock.json"))
        .with_context(|| format!("{}/package-lock.json could not be read", folder.display()))?;
    if find("npm").is_none() {
        bail!("npm is missing: install Node.js 20 or newer");
    }
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(modules);
    }
    print_progress(&format!("npm ci in {}", folder.display()));
    run(command("npm", &["ci", "--no-audit", "--no-fund"]).current_dir(&folder))?;
    fs::write(&stamp, wanted).context("the lock file of the installed packages could not be saved")?;
    Ok(modules)
}

/// Installs the packages of `folder/requirements.txt` into a virtual environment unless they are installed. Returns its
/// interpreter.
pub fn install_python_packages(folder: &str) -> Result<PathBuf> {
    let folder = project::root().join(folder);
    let requirements = folder.join("requirements.txt");
    let wanted = fs::read_to_string(&requirements)
        .with_context(|| format!("{} could not be read", requirements.display()))?;
    let environment = folder.join(".venv");
    let (interpreter, stamp) = (environment.join("bin/python"), environment.join(".reef-installed"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && interpreter.is_file() {
        return Ok(interpreter);
    }
    let python = system::python()?;
    print_progress(&format!("installing Python packages into {}", environment.display()));
    let path = environment.to_str().context("the repository's path is not UTF-8")?;
    run(&mut command(python, &["-m", "venv", "--clear", path]))?;
    let list = requirements.to_str().context("the repository's path is not UTF-8")?;
    let options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"];
    run(&mut command(&interpreter, &[&options[..], &["--requirement", list]].concat()))?;
    fs::write(&stamp, wanted).context("the requirements of the installed packages could not be saved")?;
    Ok(interpreter)
}

/// Adds the Rust target of the browser's crate if it is missing.
pub fn install_wasm_target() -> Result<()> {
    let Some(sysroot) = output_of("rustc", &["--print", "sysroot"]) else {
        bail!("rustc is missing: install Rust from https://rustup.rs")
    };
    if Path::new(&sysroot).join("lib/rustlib/wasm32-unknown-unknown").is_dir() {
        return Ok(());
    }
    if find("rustup").is_none() {
        bail!("the Rust target wasm32-unknown-unknown is missing, and rustup is not installed to add it");
    }
    print_progress("adding the Rust target wasm32-unknown-unknown");
    run(&mut command("rustup", &["target", "add", "wasm32-unknown-unknown"]))
}

/// Returns `None` if PATH has the tool at that version. Otherwise installs it into the cache if needed and returns its
/// folder.
fn install_cargo_tool(
    binary: &str,
    package: &str,
    version: &str,
    options: &[&str],
) -> Result<Option<PathBuf>> {
    let has_version = |program: &Path| {
        output_of(program, &["--version"]).is_some_and(|answer| answer.split(' ').any(|word| word == version))
    };
    if has_version(Path::new(binary)) {
        return Ok(None);
    }
    let home = project::tools()?.join(format!("{binary}-{version}"));
    let folder = home.join("bin");
    if has_version(&folder.join(binary)) {
        return Ok(Some(folder));
    }
    print_progress(&format!("installing {package} {version} into {} (a few minutes, once)", home.display()));
    let home = home.to_str().context("the cache folder's name is not UTF-8")?;
    let install = ["install", package, "--version", version, "--root", home, "--force"];
    run(command("cargo", &[&install[..], options].concat())
        .envs(FAST_BUILD)
        // The build uses a temporary target folder, so that it does not fill the workspace's.
        .env_remove("CARGO_TARGET_DIR"))?;
    Ok(Some(folder))
}

/// Returns the version of a package in Cargo.lock.
fn locked_version(package: &str) -> Result<String> {
    let lock =
        fs::read_to_string(project::root().join("Cargo.lock")).context("Cargo.lock could not be read")?;
    version_in(&lock, package).with_context(|| format!("Cargo.lock has no {package}"))
}

fn version_in(lock: &str, package: &str) -> Option<String> {
    let mut lines = lock.lines().skip_while(|line| *line != format!("name = \"{package}\""));
    Some(lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')?.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn locked_version_ignores_packages_with_similar_names() {
        let lock = "[[package]]\nname = \"a-b\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a\"\nversion = \"2.0.1\"\n";
        assert_eq!(super::version_in(lock, "a").as_deref(), Some("2.0.1"));
        assert_eq!(super::version_in(lock, "c"), None);
    }
}
