//! The task `cargo xtask dist`, which builds the binary that is distributed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::run::{command, print_progress, run};
use crate::{project, site};

/// Builds `target/dist/reef`, which contains the site and the migrations, and returns its path. The path does not depend on
/// cargo's target folder.
pub fn dist() -> Result<PathBuf> {
    site::build()?;
    print_progress("building the binary with the site inside");
    run(&mut command(
        "cargo",
        &["build", "--profile", "dist", "--package", "reef-server", "--features", "embed-site"],
    ))?;
    let built = project::cargo_target()?.join("dist/reef");
    let shipped = project::root().join("target/dist/reef");
    if built != shipped {
        fs::create_dir_all(project::root().join("target/dist"))
            .context("target/dist could not be created")?;
        // The file is replaced, not overwritten, because a running `reef` still uses the old one.
        let fresh = shipped.with_extension("new");
        fs::copy(&built, &fresh).with_context(|| format!("{} could not be copied", built.display()))?;
        fs::rename(&fresh, &shipped).context("target/dist/reef could not be replaced")?;
    }
    Ok(shipped)
}
