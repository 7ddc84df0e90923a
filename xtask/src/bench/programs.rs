//! The programs that a run needs. What is missing is built or installed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::options::{Database, Options};
use crate::postgres::{self, Durability, Postgres};
use crate::run::{command, print_progress, run};
use crate::{dist, project, system, tools};

/// Where the programs are.
pub struct Programs {
    pub wrk: PathBuf,
    pub reef: PathBuf,
    pub baseline: Option<PathBuf>,
    pub bare: PathBuf,
    pub load: PathBuf,
    pub node: PathBuf,
    pub python: PathBuf,
    pub postgres: Option<Postgres>,
}

impl Programs {
    /// Builds and installs all of them, and starts PostgreSQL with the settings of production.
    pub fn prepare(options: &Options) -> Result<Self> {
        let wrk = system::wrk()?;
        let reef = match &options.reef {
            Some(path) => existing(path)?,
            None => dist::dist()?,
        };
        let baseline = options.baseline.as_deref().map(existing).transpose()?;
        // With the same profile and no other flags, the comparison is between programs and not between compilers.
        print_progress("building the programs that Reef is compared with");
        let packages = ["--package", "reef-bench-bare", "--package", "reef-bench-load"];
        run(&mut command("cargo", &[&["build", "--profile", "dist"], &packages[..]].concat()))?;
        let built = project::cargo_target()?.join("dist");
        let node = system::node()?;
        tools::install_npm_packages("bench/hono")?;
        let python = tools::install_python_packages("bench/fastapi")?;
        let needs_postgres = options.databases().contains(&Database::Postgres);
        let postgres = needs_postgres.then(|| postgres::start_private(Durability::Production)).transpose()?;
        let (bare, load) = (built.join("reef-bench-bare"), built.join("reef-bench-load"));
        Ok(Self { wrk, reef, baseline, bare, load, node, python, postgres })
    }

    /// Returns PostgreSQL, which runs if it is measured.
    pub fn postgres(&self) -> Result<&Postgres> {
        self.postgres.as_ref().context("PostgreSQL was not started")
    }
}

fn existing(path: &Path) -> Result<PathBuf> {
    if !path.is_file() {
        bail!("there is no binary at {}", path.display());
    }
    // The server runs in another folder.
    path.canonicalize().with_context(|| format!("{} could not be found", path.display()))
}
