//! One style sheet out of `style/`: a single request, a single hashed name.

use std::fs;

use anyhow::{Context, Result};

use crate::project;

/// Puts the sheets that `style/main.css` imports, in its order, into `target/style/reef.css`, which frontend/index.html names.
pub fn bundle() -> Result<()> {
    let folder = project::root().join("style");
    let main = fs::read_to_string(folder.join("main.css")).context("reading style/main.css")?;
    let mut bundle = String::new();
    for sheet in imports(&main) {
        let text =
            fs::read_to_string(folder.join(sheet)).with_context(|| format!("reading style/{sheet}"))?;
        bundle.push_str(&text);
        bundle.push('\n');
    }
    let target = project::root().join("target/style");
    fs::create_dir_all(&target).context("creating target/style")?;
    fs::write(target.join("reef.css"), bundle).context("writing target/style/reef.css")
}

/// The file names in lines of the form `@import "name.css";`.
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
