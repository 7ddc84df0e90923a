//! The task `cargo xtask serve`.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{command, print_progress, run};
use crate::{project, site};

/// Builds the site and the server, and replaces this process with `reef serve`, so that signals reach it directly.
pub fn serve(args: &[String]) -> Result<()> {
    site::build()?;
    print_progress("building the server");
    run(&mut command("cargo", &["build", "--package", "reef-server"]))?;
    let reef = project::cargo_target()?.join("debug/reef");
    if !reef.is_file() {
        bail!("{} is missing after the build", reef.display());
    }
    let error = Command::new(&reef)
        .arg("serve")
        .args(args)
        .env("REEF_SITE_DIR", project::site())
        .current_dir(project::root())
        .exec();
    Err(error).with_context(|| format!("{} could not be started", reef.display()))
}
