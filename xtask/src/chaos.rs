//! The task `cargo xtask chaos`.

use anyhow::Result;

use crate::run::{command, print_progress, run};
use crate::{postgres, project};

/// Builds the server and the chaos test, starts a private PostgreSQL unless only SQLite is requested, and runs the test.
/// The arguments are passed to it.
pub fn chaos(args: &[String]) -> Result<()> {
    print_progress("building the server and the chaos test");
    run(&mut command("cargo", &["build", "--package", "reef-server", "--package", "reef-chaos"]))?;
    let folder = project::cargo_target()?.join("debug");
    let mut chaos = command(folder.join("reef-chaos"), &["--reef"]);
    chaos.arg(folder.join("reef")).args(args);
    let asks_for_sqlite = args.windows(2).any(|pair| pair == ["--database", "sqlite"]);
    let needs_postgres =
        !(asks_for_sqlite || args.iter().any(|arg| arg == "--database=sqlite" || arg == "--help"));
    let database = needs_postgres.then(postgres::start).transpose()?;
    if let Some(database) = &database {
        chaos.args(["--postgres", &database.url]);
    }
    run(&mut chaos)
}
