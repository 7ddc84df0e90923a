//! Import cycles between the modules of a crate. A module and its own submodules may import each other.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{CodePath, paths};
use super::source::Source;

/// Modules that import each other, directly or through others.
#[derive(Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The files of the modules.
    pub files: BTreeSet<String>,
    /// The imports among them, as files.
    pub edges: BTreeSet<(String, String)>,
}

/// A file as a module. Its path within the crate is empty for the crate itself.
struct Module {
    file: String,
    paths: Vec<CodePath>,
}

type Modules = BTreeMap<Vec<String>, Module>;

/// Finds the cycles among the files of a crate, whose sources are below `src`.
pub fn find(src: &str, sources: &[Source]) -> Vec<Cycle> {
    let modules: Modules = sources
        .iter()
        .filter_map(|source| {
            let module = Module { file: source.path.clone(), paths: paths(&source.code) };
            Some((module_path(src, &source.path)?, module))
        })
        .collect();
    let edges = edges(&modules);
    let mut cycles: Vec<Cycle> = Vec::new();
    for from in modules.keys() {
        if cycles.iter().any(|cycle| cycle.files.contains(&modules[from].file)) {
            continue;
        }
        let after = reachable(from, &edges);
        let members: BTreeSet<_> =
            after.iter().filter(|to| reachable(to, &edges).contains(from)).cloned().collect();
        if members.is_empty() {
            continue;
        }
        let file = |module: &Vec<String>| modules[module].file.clone();
        let within = edges.iter().filter(|(from, to)| members.contains(from) && members.contains(to));
        cycles.push(Cycle {
            files: members.iter().map(file).collect(),
            edges: within.map(|(from, to)| (file(from), file(to))).collect(),
        });
    }
    cycles
}

/// Returns the path of a file's module: that of `src/a/b.rs` and of `src/a/b/mod.rs` is `a::b`. A program next to a library
/// has none.
fn module_path(src: &str, file: &str) -> Option<Vec<String>> {
    let inner = file.strip_prefix(src)?.trim_start_matches('/').strip_suffix(".rs")?;
    let mut path: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| last == "mod") || matches!(inner, "lib" | "main") {
        path.pop();
    }
    Some(path)
}

/// Returns which module imports which, without the imports between a module and what is within it.
fn edges(modules: &Modules) -> BTreeSet<(Vec<String>, Vec<String>)> {
    let mut edges = BTreeSet::new();
    for (from, module) in modules {
        let targets = module.paths.iter().filter_map(|path| {
            let path = absolute(modules, from, path)?;
            resolve(modules, &path, 0)
        });
        edges.extend(
            targets.filter(|to| !to.starts_with(from) && !from.starts_with(to)).map(|to| (from.clone(), to)),
        );
    }
    edges
}

/// Returns the path from the root of the crate, or `None` if it leads to another crate.
fn absolute(modules: &Modules, of: &[String], path: &CodePath) -> Option<Vec<String>> {
    let mut base = of.to_vec();
    let mut segments = path.segments.as_slice();
    // The first `super` of an inline module is the file itself.
    let mut inline = path.depth;
    match segments.first()?.as_str() {
        "crate" => {
            base.clear();
            segments = &segments[1..];
        }
        "self" => segments = &segments[1..],
        "super" => {
            while let Some(rest) = segments.strip_prefix(&["super".to_owned()]) {
                segments = rest;
                if inline > 0 {
                    inline -= 1;
                } else {
                    base.pop()?;
                }
            }
        }
        first => {
            let child = [of, &[first.to_owned()]].concat();
            if !modules.contains_key(&child) {
                // A name that the file imports, such as `a` of `use crate::a`, stands for a module of the crate.
                let import = modules[of].paths.iter().find(|import| import.name.as_deref() == Some(first))?;
                let start = import.segments.first()?;
                let is_local = matches!(start.as_str(), "crate" | "self" | "super")
                    || modules.contains_key(&[of, std::slice::from_ref(start)].concat());
                let target = if is_local { absolute(modules, of, import)? } else { return None };
                return Some([target.as_slice(), &segments[1..]].concat());
            }
        }
    }
    Some([base.as_slice(), segments].concat())
}

/// Returns the module that declares what a path leads to, also if another module re-exports it. The name of a module alone
/// leads to nothing that is used.
fn resolve(modules: &Modules, path: &[String], depth: usize) -> Option<Vec<String>> {
    let length = (0..=path.len()).rev().find(|length| modules.contains_key(&path[..*length]))?;
    let (module, rest) = path.split_at(length);
    let name = rest.first()?;
    let import = modules[module].paths.iter().find(|import| import.name.as_ref() == Some(name));
    let target = import.filter(|_| depth < 8).and_then(|import| absolute(modules, module, import));
    // A path that is imported by its own module, such as `pub use a::a`, would lead to itself.
    match target.filter(|target| target != path) {
        Some(target) => resolve(modules, &[target.as_slice(), &rest[1..]].concat(), depth + 1),
        None => Some(module.to_vec()),
    }
}

/// Returns the modules that a module imports, directly or through others.
fn reachable(from: &[String], edges: &BTreeSet<(Vec<String>, Vec<String>)>) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    let mut open = vec![from.to_vec()];
    while let Some(module) = open.pop() {
        for (_, to) in edges.iter().filter(|(source, _)| *source == module) {
            if found.insert(to.clone()) {
                open.push(to.clone());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let source = |(file, code): &(&str, &str)| Source {
            path: format!("x/src/{file}.rs"),
            code: (*code).to_owned(),
            lines: 1,
            lines_outside_tests: 1,
        };
        let sources: Vec<_> = files.iter().map(source).collect();
        let edge = |(from, to): &(String, String)| {
            let name = |file: &str| file.trim_start_matches("x/src/").trim_end_matches(".rs").to_owned();
            format!("{} > {}", name(from), name(to))
        };
        find("x/src", &sources).iter().map(|cycle| cycle.edges.iter().map(edge).collect()).collect()
    }

    #[test]
    fn modules_that_import_each_other_are_a_cycle() {
        let files = [
            ("lib", "mod a; mod b; mod c; mod d;"),
            ("a", "use crate::b::B; use std::fmt;"),
            ("b", "use super::c; fn f() { c::g() }"),
            ("c", "fn g() -> crate::a::A {} use crate::d::D;"),
            ("d", ""),
        ];
        assert_eq!(cycles(&files), [["a > b", "b > c", "c > a"]]);
    }

    #[test]
    fn submodules_may_import_their_module() {
        let files = [
            ("lib", "mod a; pub use a::A;"),
            ("a", "mod b; mod c; use b::B; use crate::E;"),
            ("a/b", "use super::A; use super::c::C; use crate::F;"),
            ("a/c", "mod tests { use super::C; }"),
        ];
        assert!(cycles(&files).is_empty());
    }

    #[test]
    fn names_lead_to_the_module_that_declares_them() {
        let files = [
            ("lib", "mod a; mod b; pub use a::x::X;"),
            ("a/mod", "mod x; pub use x::*; pub(crate) use self::x::{Y as Z};"),
            ("a/x", "use crate::b::B;"),
            ("b", "use crate::a::Z;"),
        ];
        assert_eq!(cycles(&files), [["a/x > b", "b > a/x"]]);
        // The import of a module's name alone uses nothing of it.
        assert!(cycles(&[("lib", ""), ("a", "use crate::b;"), ("b", "use crate::a::A;")]).is_empty());
    }
}
