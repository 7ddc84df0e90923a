//! The programs that a run needs. What is missing is built or installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

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
    load: PathBuf,
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

    /// Creates a database on PostgreSQL, and returns its URL.
    pub fn create_database(&self, name: &str) -> Result<String> {
        let server = &self.postgres.as_ref().context("PostgreSQL was not started")?.url;
        let created = self.run_load(&["create-database", "--server", server, "--name", name])?;
        created["url"].as_str().map(str::to_owned).context("the new database has no URL")
    }

    /// Runs a command of `bench/load` and returns its result.
    pub fn run_load(&self, args: &[&str]) -> Result<Value> {
        let output = command(&self.load, args)
            .stderr(Stdio::inherit())
            .output()
            .context("bench/load could not be started")?;
        if !output.status.success() {
            bail!("bench/load could not run {}", args[0]);
        }
        serde_json::from_slice(&output.stdout).context("the output of bench/load is not JSON")
    }
}

/// Checks the syntax of the programs that no compiler reads. Their packages are not needed for it.
pub fn check_syntax() -> Result<()> {
    let files = |folder: &str, extension: &str| -> Result<Vec<PathBuf>> {
        let folder = project::root().join(folder);
        let entries =
            fs::read_dir(&folder).with_context(|| format!("{} could not be read", folder.display()))?;
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        Ok(paths
            .into_iter()
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect())
    };
    for file in files("bench/hono", "mjs")? {
        run(command(system::node()?, &["--check"]).arg(file))?;
    }
    let parse = "import ast, sys; [ast.parse(open(file).read(), file) for file in sys.argv[1:]]";
    run(command(system::python()?, &["-c", parse]).args(files("bench/fastapi", "py")?))
}

fn existing(path: &Path) -> Result<PathBuf> {
    if !path.is_file() {
        bail!("there is no binary at {}", path.display());
    }
    // The server runs in another folder.
    path.canonicalize().with_context(|| format!("{} could not be found", path.display()))
}
