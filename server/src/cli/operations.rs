//! What an operator does to a database: a copy of it, and a new secret key for it.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::print;
use crate::compose::{self, App};
use crate::config::Config;

/// `reef backup`: the database as it is, without bringing it up to date first.
pub(super) async fn backup(config: &Config, file: &Path) -> anyhow::Result<()> {
    let Some(source) = config.sqlite_file() else {
        bail!("this copies a SQLite database; on PostgreSQL use pg_dump");
    };
    if !source.exists() {
        bail!("DATABASE_URL: there is no {}", source.display());
    }
    let store = compose::connect(config).await?;
    store.back_up(file).await.with_context(|| format!("{} cannot be written", file.display()))?;
    store.close().await;
    print(&format!("{}: a copy of {}", file.display(), source.display()))
}

/// `reef reseal`: a line for each column, and an error when something stays as it was.
pub(super) async fn reseal(app: &App) -> anyhow::Result<()> {
    let mut unreadable = 0;
    for done in app.services.reseal().await.context("not everything was sealed anew; run it again")? {
        print(&format!("{}: {} sealed anew", done.column, done.resealed))?;
        unreadable += done.unreadable;
    }
    match unreadable {
        0 => Ok(()),
        n => bail!("{n} values cannot be opened: the key that sealed them is not in SECRET_KEY"),
    }
}
