//! The build of the site, which is what browsers download, into `target/site`.
//!
//! trunk compiles frontend/ and gives its files hashed names. This module compresses them, writes `manifest.json` for the
//! server, and replaces the previous site with a rename.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::run::{command, path_with, print_progress, run};
use crate::{project, style, tools};

/// The inputs of the site. A change of any of them triggers a build.
const INPUTS: [&str; 11] = [
    "crates/domain/Cargo.toml",
    "crates/domain/src",
    "frontend/Cargo.toml",
    "frontend/compress.mjs",
    "frontend/index.html",
    "frontend/package-lock.json",
    "frontend/public",
    "frontend/src",
    "style",
    "Cargo.lock",
    "Trunk.toml",
];

/// The maximum size of WebAssembly, JavaScript and CSS after brotli, in bytes.
const BUDGET: u64 = 300 * 1024;

/// Builds the site, unless its inputs are unchanged since the last build.
pub fn build() -> Result<()> {
    let fingerprint = fingerprint()?;
    let stamp = project::root().join("target/site.fingerprint");
    if project::site().join("manifest.json").is_file()
        && fs::read_to_string(&stamp).is_ok_and(|built| built == fingerprint)
    {
        print_progress("the site is up to date");
        return Ok(());
    }
    let started = Instant::now();
    let path = tools::install_for_site()?;
    print_progress("building the site");
    style::bundle()?;
    // trunk runs cargo offline, as Trunk.toml configures.
    run(&mut command("cargo", &["fetch", "--quiet"]))?;
    let folders: Vec<&Path> = path.iter().map(PathBuf::as_path).collect();
    run(command("trunk", &["build"]).env("PATH", path_with(&folders)?).env("NO_COLOR", "true"))?;
    assemble()?;
    fs::write(&stamp, fingerprint).context("the fingerprint of the site could not be written")?;
    print_progress(&format!(
        "built the site in {:.1} s: {} KB to download",
        started.elapsed().as_secs_f32(),
        download_size()? / 1024
    ));
    Ok(())
}

/// Fails if the site is larger than its budget.
pub fn check_size() -> Result<()> {
    let size = download_size()?;
    if size > BUDGET {
        bail!("the site is {} KB after brotli; the budget is {} KB", size.div_ceil(1024), BUDGET / 1024);
    }
    print_progress(&format!("the site is {} KB after brotli, of {} KB", size.div_ceil(1024), BUDGET / 1024));
    Ok(())
}

/// Assembles trunk's output and frontend/public in a new folder, which then replaces the old site.
fn assemble() -> Result<()> {
    let root = project::root();
    let new = root.join("target/site.new");
    remove(&new)?;
    copy_folder(&root.join("target/trunk"), &new.join("pkg"))?;
    // The server renders its own page, so trunk's is not needed.
    fs::remove_file(new.join("pkg/index.html")).context("trunk wrote no index.html")?;
    copy_folder(&root.join("frontend/public"), &new)?;
    write_manifest(&new)?;
    let folder = new.to_str().context("the repository's path is not UTF-8")?;
    run(&mut command("node", &["frontend/compress.mjs", folder]))?;
    remove(&project::site())?;
    fs::rename(&new, project::site()).context("the site could not be replaced")
}

/// Writes the names of the files that the server's pages link to.
fn write_manifest(site: &Path) -> Result<()> {
    let names: Vec<String> = files(&site.join("pkg"))?
        .iter()
        .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
        .collect();
    let one = |ending: &str| -> Result<&String> {
        let mut matching = names.iter().filter(|name| name.ends_with(ending));
        match (matching.next(), matching.next()) {
            (Some(name), None) => Ok(name),
            _ => bail!("trunk must write exactly one {ending} file, but wrote: {}", names.join(", ")),
        }
    };
    let manifest = serde_json::json!({ "js": one(".js")?, "wasm": one(".wasm")?, "css": one(".css")? });
    fs::write(site.join("manifest.json"), format!("{manifest:#}\n"))
        .context("manifest.json could not be written")
}

fn download_size() -> Result<u64> {
    let mut sum = 0;
    for path in files(&project::site().join("pkg"))? {
        if path.extension().is_some_and(|ending| ending == "br") {
            sum += fs::metadata(&path)
                .with_context(|| format!("the size of {} could not be read", path.display()))?
                .len();
        }
    }
    Ok(sum)
}

/// Returns a hash of the names and contents of all inputs. It is only compared with hashes from the same toolchain, whose
/// `DefaultHasher` is the same.
fn fingerprint() -> Result<String> {
    let mut hasher = DefaultHasher::new();
    let manifest =
        fs::read_to_string(project::root().join("Cargo.toml")).context("Cargo.toml could not be read")?;
    // Only the profile of the root manifest matters, because versions are in the lock file.
    manifest.split("[profile.wasm]").nth(1).hash(&mut hasher);
    // These files decide how the site is built, including the versions of the tools.
    [include_str!("site.rs"), include_str!("style.rs"), include_str!("tools.rs")].hash(&mut hasher);
    for input in INPUTS {
        for path in files(&project::root().join(input))? {
            path.hash(&mut hasher);
            fs::read(&path)
                .with_context(|| format!("{} could not be read", path.display()))?
                .hash(&mut hasher);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Lists the files below a folder in a fixed order. The path of a file lists that file.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries = fs::read_dir(path)
        .and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()
        })
        .with_context(|| format!("the folder {} could not be read", path.display()))?;
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        found.extend(files(&entry)?);
    }
    Ok(found)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for file in files(from)? {
        let target = to.join(file.strip_prefix(from).expect("files() lists paths below this folder"));
        fs::create_dir_all(target.parent().expect("a file has a parent folder"))
            .context("a folder of the site could not be created")?;
        fs::copy(&file, &target).with_context(|| format!("{} could not be copied", file.display()))?;
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} could not be removed", folder.display()))
        }
        _ => Ok(()),
    }
}
