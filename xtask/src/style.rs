//! The bundle of the style sheets in `style/`, so that pages load a single file.

use std::fs;

use anyhow::{Context, Result};

use crate::project;

/// Concatenates the style sheets that `style/main.css` imports into `target/style/reef.css`, which frontend/index.html links.
pub fn bundle() -> Result<()> {
    let folder = project::root().join("style");
    let main = fs::read_to_string(folder.join("main.css")).context("style/main.css could not be read")?;
    let mut bundle = String::new();
    for sheet in imports(&main) {
        let text = fs::read_to_string(folder.join(sheet))
            .with_context(|| format!("style/{sheet} could not be read"))?;
        bundle.push_str(&text);
        bundle.push('\n');
    }
    let target = project::root().join("target/style");
    fs::create_dir_all(&target).context("target/style could not be created")?;
    fs::write(target.join("reef.css"), bundle).context("target/style/reef.css could not be written")
}

/// Returns the file names in lines of the form `@import "name.css";`.
fn imports(main: &str) -> impl Iterator<Item = &str> {
    main.lines().filter_map(|line| line.trim().strip_prefix("@import \"")?.strip_suffix("\";"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn imports_are_found_in_order() {
        let main =
            "/* all */\n@import \"tokens.css\";\n  @import \"base.css\";\n/* @import \"old.css\"; */\n";
        assert_eq!(super::imports(main).collect::<Vec<_>>(), ["tokens.css", "base.css"]);
    }
}
