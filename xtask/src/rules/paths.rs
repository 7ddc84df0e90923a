//! The paths in code, with the trees of `use` expanded.

use super::source::{closing, is_word};

/// A path such as `crate::a::B`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePath {
    /// The segments, the last of which is `*` for a glob.
    pub segments: Vec<String>,
    /// The name that a `use` declares for it.
    pub name: Option<String>,
    /// In how many inline modules of the file it is.
    pub depth: usize,
}

/// Lists the paths with at least two segments, and everything that is imported.
pub fn paths(code: &str) -> Vec<CodePath> {
    let modules = inline_modules(code);
    let mut found = Vec::new();
    let mut at = 0;
    let mut before = "";
    while let Some(start) = code[at..].find(is_word).map(|next| at + next) {
        let end = code[start..].find(|c: char| !is_word(c)).map_or(code.len(), |length| start + length);
        let is_field = code[..start].ends_with('.') && !code[..start].ends_with("..");
        let is_first = !is_field && &code[start..end] != "use" && !code[..start].ends_with('\'');
        let mut tree = Tree { code, at: start, paths: Vec::new() };
        let is_import = before == "use";
        if is_first {
            tree.read(&[], is_import);
        }
        let depth = modules.iter().filter(|(open, close)| (*open..*close).contains(&start)).count();
        let read = tree.paths.into_iter().filter(|path| is_import || path.0.len() > 1);
        found.extend(read.map(|(segments, name)| CodePath {
            segments,
            name: name.filter(|_| is_import),
            depth,
        }));
        before = &code[start..end];
        at = if is_first { tree.at.max(end) } else { end };
    }
    found
}

/// Returns the blocks of `mod name { … }`.
fn inline_modules(code: &str) -> Vec<(usize, usize)> {
    let blocks = code.match_indices("mod ").filter(|(at, _)| !code[..*at].ends_with(is_word));
    let blocks = blocks.filter_map(|(at, word)| {
        let open = at + word.len() + code[at + word.len()..].find(|c: char| !is_word(c) && c != ' ')?;
        code[open..].starts_with('{').then(|| Some((open, open + closing(&code[open..])?))).flatten()
    });
    blocks.collect()
}

/// Reads a path and, after `use`, the tree that it may end with.
struct Tree<'a> {
    code: &'a str,
    at: usize,
    paths: Vec<(Vec<String>, Option<String>)>,
}

impl Tree<'_> {
    fn read(&mut self, prefix: &[String], is_import: bool) {
        let mut segments = prefix.to_vec();
        self.skip("::");
        loop {
            if is_import && self.skip("{") {
                return self.read_list(&segments);
            }
            if is_import && self.skip("*") {
                segments.push("*".to_owned());
                return self.paths.push((segments, None));
            }
            let word = self.word();
            if word.is_empty() {
                break;
            }
            segments.push(word);
            if !self.skip("::") {
                break;
            }
        }
        // `a::{self}` imports `a`.
        if segments.len() > prefix.len()
            && !prefix.is_empty()
            && segments.last().is_some_and(|last| last == "self")
        {
            segments.pop();
        }
        let alias = if is_import && self.skip("as ") { Some(self.word()) } else { segments.last().cloned() };
        self.paths.push((segments, alias));
    }

    fn read_list(&mut self, prefix: &[String]) {
        while !self.skip("}") && self.at < self.code.len() {
            let start = self.at;
            self.read(prefix, true);
            self.skip(",");
            if self.at == start {
                break;
            }
        }
    }

    fn word(&mut self) -> String {
        self.skip("");
        let rest = &self.code[self.at..];
        let word = &rest[..rest.find(|c: char| !is_word(c)).unwrap_or(rest.len())];
        self.at += word.len();
        word.to_owned()
    }

    /// Skips spaces and then the text, if it follows.
    fn skip(&mut self, text: &str) -> bool {
        let rest = self.code[self.at..].trim_start();
        let is_next = rest.starts_with(text);
        if is_next {
            self.at = self.code.len() - rest.len() + text.len();
        }
        is_next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: &str) -> Vec<String> {
        let named = |path: CodePath| {
            let name = path.name.map(|name| format!(" as {name}")).unwrap_or_default();
            format!("{}{name}{}", path.segments.join("::"), "^".repeat(path.depth))
        };
        paths(code).into_iter().map(named).collect()
    }

    #[test]
    fn trees_are_expanded() {
        let code = "pub(crate) use crate::a::{self, b::{C, D as E},\n    f::*};\nuse g;\nuse ::h::i;";
        let expected = [
            "crate::a as a",
            "crate::a::b::C as C",
            "crate::a::b::D as E",
            "crate::a::f::*",
            "g as g",
            "h::i as i",
        ];
        assert_eq!(found(code), expected);
    }

    #[test]
    fn paths_in_code_are_found() {
        let code = "fn a(b: crate::c::D<super::e::F>) { g.h(); self::i::<J>(); x.crate_::y() }";
        assert_eq!(found(code), ["crate::c::D", "super::e::F", "self::i"]);
        assert_eq!(found("mod a { use super::B; } use super::C;"), ["super::B as B^", "super::C as C"]);
    }
}
