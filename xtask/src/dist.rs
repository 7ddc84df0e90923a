//! `cargo xtask dist`: the one file that is shipped.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::run::{command, run, say};
use crate::{project, site};

/// Builds `target/dist/reef` with site and migrations inside, and returns its path. It is there wherever cargo's own
/// target folder lies.
pub fn dist() -> Result<PathBuf> {
    site::build()?;
    say("building the binary with the site inside");
    run(&mut command(
        "cargo",
        &["build", "--profile", "dist", "--package", "reef-server", "--features", "embed-site"],
    ))?;
    let built = project::cargo_target()?.join("dist/reef");
    let shipped = project::root().join("target/dist/reef");
    if built != shipped {
        fs::create_dir_all(project::root().join("target/dist")).context("creating target/dist")?;
        // A new file, not new bytes in the old one: a reef that is running keeps its own.
        let fresh = shipped.with_extension("new");
        fs::copy(&built, &fresh).with_context(|| format!("copying {}", built.display()))?;
        fs::rename(&fresh, &shipped).context("putting target/dist/reef in place")?;
    }
    Ok(shipped)
}
