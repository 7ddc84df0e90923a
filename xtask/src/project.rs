//! Paths of the repository, of cargo's target folder and of the tool cache.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context, Result};

static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    // The variable is read at run time, because clones that share a target folder also share this program.
    let here = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().expect("xtask/ has a parent folder").to_owned()
});

/// Returns the root of the repository.
pub fn root() -> &'static Path {
    &ROOT
}

/// Returns cargo's target folder, which `CARGO_TARGET_DIR` or a user's configuration may have moved.
pub fn cargo_target() -> Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(root())
        .output()
        .context("cargo metadata could not be started")?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("the output of cargo metadata could not be parsed")?;
    let path = metadata["target_directory"]
        .as_str()
        .context("the output of cargo metadata has no target_directory")?;
    Ok(PathBuf::from(path))
}

/// Returns the folder of the built site, which the server reads in development and the distributed binary embeds.
pub fn site() -> PathBuf {
    root().join("target/site")
}

/// Returns the cache of installed tools, which all clones share.
pub fn tools() -> Result<PathBuf> {
    let cache = match env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?)
            .join(".cache"),
    };
    Ok(cache.join("reef/tools"))
}
