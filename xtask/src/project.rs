//! Where things are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context, Result};

static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    // As cargo says when it runs this, not as it said when this was built: clones that share a build folder share this
    // program, too.
    let here = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().expect("xtask/ lies in the root").to_owned()
});

/// The repository's root.
pub fn root() -> &'static Path {
    &ROOT
}

/// Where cargo puts what it builds: often `target`, elsewhere with `CARGO_TARGET_DIR` or a user's cargo configuration.
pub fn cargo_target() -> Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(root())
        .output()
        .context("running cargo metadata")?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("reading cargo metadata's answer")?;
    let path = metadata["target_directory"].as_str().context("cargo metadata names no target_directory")?;
    Ok(PathBuf::from(path))
}

/// The built site: what the server reads in development, and what goes into the distributed binary.
pub fn site() -> PathBuf {
    root().join("target/site")
}

/// Tools of exact versions that are not on PATH, kept between clones.
pub fn tools() -> Result<PathBuf> {
    let cache = match env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?)
            .join(".cache"),
    };
    Ok(cache.join("reef/tools"))
}
