//! Rules about who may import whom, which the compiler does not check.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module by the names on its path; empty for the crate itself.
type Module = Vec<String>;
type Imports = BTreeMap<Module, BTreeSet<Module>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Rust files below a folder, with their paths from the root of the repository.
fn rust_files(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.ends_with(".rs") {
                files.push((path, fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    files
}

fn module_of(path: &str, folder: &str) -> Module {
    let names = path.trim_start_matches(folder).trim_start_matches('/').trim_end_matches(".rs").split('/');
    names.filter(|name| !matches!(*name, "mod" | "lib" | "main")).map(str::to_owned).collect()
}

/// The code without comments and unit tests.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The ends of a path or a tree of paths that follows `base::`, as far as they are modules.
fn modules_in_tree(tree: &str, base: &Module, known: &BTreeSet<Module>, found: &mut BTreeSet<Module>) {
    if let Some(list) = tree.strip_prefix('{') {
        let (mut depth, mut item) = (0, 0);
        for (i, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' | ',' if depth == 0 => {
                    modules_in_tree(list[item..i].trim(), base, known, found);
                    item = i + 1;
                    if c == '}' {
                        return;
                    }
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
        return;
    }
    let end = tree.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(tree.len());
    let (name, rest) = tree.split_at(end);
    let below: Module = base.iter().cloned().chain([name.to_owned()]).collect();
    if !known.contains(&below) {
        found.insert(base.clone());
    } else if let Some(rest) = rest.strip_prefix("::") {
        modules_in_tree(rest, &below, known, found);
    } else {
        found.insert(below);
    }
}

fn imports_of(module: &Module, code: &str, known: &BTreeSet<Module>) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    for (i, _) in code.match_indices("crate::") {
        modules_in_tree(&code[i + "crate::".len()..], &Module::new(), known, &mut found);
    }
    for (i, _) in code.match_indices("super::") {
        // The first of several is resolved with those that follow it.
        if code[..i].ends_with("super::") {
            continue;
        }
        let (mut base, mut rest) = (module.clone(), &code[i..]);
        while let Some(after) = rest.strip_prefix("super::") {
            base.pop();
            rest = after;
        }
        modules_in_tree(rest, &base, known, &mut found);
    }
    found
}

/// Which modules of a crate import which others. Each module is replaced by `unit` of it.
fn imports_in(folder: &str, unit: impl Fn(&Module) -> Module) -> Imports {
    let files = rust_files(folder);
    let known: BTreeSet<_> = files.iter().map(|(path, _)| module_of(path, folder)).collect();
    let mut imports = Imports::new();
    for (path, text) in &files {
        let module = module_of(path, folder);
        let imported = imports_of(&module, &code_of(text), &known);
        let from = unit(&module);
        let others = imported.iter().map(&unit).filter(|to| !from.starts_with(to) && !to.starts_with(&from));
        imports.entry(from.clone()).or_default().extend(others);
    }
    imports
}

/// The modules that are on a cycle, or between two of them.
fn modules_on_cycles(mut imports: Imports) -> Vec<String> {
    loop {
        let left: BTreeSet<_> = imports.keys().cloned().collect();
        let imported: BTreeSet<_> = imports.values().flatten().cloned().collect();
        for targets in imports.values_mut() {
            targets.retain(|target| left.contains(target));
        }
        imports.retain(|module, targets| !targets.is_empty() && imported.contains(module));
        if imports.len() == left.len() {
            return imports.into_keys().map(|module| module.join("::")).collect();
        }
    }
}

#[test]
fn modules_of_server_import_each_other_without_cycles() {
    assert_eq!(modules_on_cycles(imports_in("server/src", Clone::clone)), [""; 0], "files");
    let area = |module: &Module| module.iter().take(1).cloned().collect();
    let areas = imports_in("server/src", area);
    assert!(
        areas[&vec!["api".to_owned()]].contains(&vec!["http".to_owned()]),
        "imports are found: {areas:?}"
    );
    assert_eq!(modules_on_cycles(areas), [""; 0], "areas");
}

#[test]
fn cycle_is_found() {
    let known = [vec![], vec!["a".to_owned()], vec!["b".to_owned()], vec!["b".to_owned(), "c".to_owned()]];
    let known = BTreeSet::from(known);
    let imports = |module: &[&str], code: &str| {
        let module: Module = module.iter().map(|name| (*name).to_owned()).collect();
        (module.clone(), imports_of(&module, code, &known))
    };
    let (a, from_a) = imports(&["a"], "use crate::{x, b::{Y, c::{self, Z}}};");
    assert_eq!(from_a.iter().map(|module| module.join("::")).collect::<Vec<_>>(), ["", "b", "b::c"]);
    let (c, from_c) = imports(&["b", "c"], "fn f() { super::super::a::f() }");
    assert_eq!(modules_on_cycles(Imports::from([(a, from_a), (c, from_c)])), ["a", "b::c"]);
}

#[test]
fn only_composition_and_sessions_import_the_store() {
    let allowed = ["server/src/compose.rs", "server/src/sessions.rs"];
    for (path, text) in ["server/src", "app/src"].map(rust_files).concat() {
        assert!(allowed.contains(&&*path) || !code_of(&text).contains("reef_store"), "{path}");
    }
}
