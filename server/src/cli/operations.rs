//! `reef backup` and `reef reseal`.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::print;
use crate::compose::{self, App};
use crate::config::Config;

/// `reef backup` copies the database without migrating it first.
pub(super) async fn backup(config: &Config, file: &Path) -> anyhow::Result<()> {
    let Some(source) = config.sqlite_file() else {
        bail!("`reef backup` copies SQLite databases only; on PostgreSQL use pg_dump");
    };
    if !source.exists() {
        bail!("DATABASE_URL: {} does not exist", source.display());
    }
    let store = compose::open_store_unmigrated(config).await?;
    store.back_up(file).await.with_context(|| format!("{} could not be written", file.display()))?;
    store.close().await;
    print(&format!("{}: a copy of {}", file.display(), source.display()))
}

/// `reef reseal` prints a line for each column and fails if a value could not be opened.
pub(super) async fn reseal(app: &App) -> anyhow::Result<()> {
    let mut unreadable = 0;
    for done in
        app.services.reseal().await.context("not every value was resealed; run `reef reseal` again")?
    {
        print(&format!("{}: {} resealed", done.column, done.resealed))?;
        unreadable += done.unreadable;
    }
    match unreadable {
        0 => Ok(()),
        n => bail!("{n} values could not be opened because the key that sealed them is not in SECRET_KEY"),
    }
}
