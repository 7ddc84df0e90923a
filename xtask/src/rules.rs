//! The rules about which part of Reef may know what, which the compiler does not check: `cargo xtask rules`.

mod cycles;
mod dependencies;
mod exceptions;
mod paths;
mod source;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

pub use cycles::Cycle;
pub use source::words;

use crate::project;
use exceptions::EXCEPTIONS;
use source::Source;

/// How many lines a file may have outside its tests.
const LINES_MAX: usize = 400;

/// What breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    rule: &'static str,
    /// The file, or the files of a cycle.
    place: String,
    detail: String,
}

/// A crate of the workspace.
pub struct Crate {
    /// The folder within the repository, such as `crates/domain`.
    pub folder: String,
    manifest: String,
    /// The files that are compiled outside tests.
    pub sources: Vec<Source>,
}

impl Crate {
    /// Finds the import cycles among the files.
    pub fn cycles(&self) -> Vec<Cycle> {
        cycles::find(&format!("{}/src", self.folder), &self.sources)
    }
}

/// Checks all rules. Prints what breaks them, and which known exceptions are not needed.
pub fn check() -> Result<()> {
    let problems = compare(&violations(&crates(project::root())?), &exceptions());
    if problems.is_empty() {
        return Ok(());
    }
    for problem in &problems {
        crate::run::print_progress(problem);
    }
    bail!("{} violations of the rules in xtask/src/rules.rs", problems.len())
}

/// Reads the crates of the workspace, in the order of their folders.
pub fn crates(root: &Path) -> Result<Vec<Crate>> {
    let mut folders = Vec::new();
    for parent in ["", "bench", "crates"] {
        let entries =
            fs::read_dir(root.join(parent)).with_context(|| format!("/{parent} could not be read"))?;
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let folder = if parent.is_empty() { name } else { format!("{parent}/{name}") };
            if root.join(&folder).join("Cargo.toml").is_file() && root.join(&folder).join("src").is_dir() {
                folders.push(folder);
            }
        }
    }
    folders.sort();
    let read = |folder: String| {
        let manifest = fs::read_to_string(root.join(&folder).join("Cargo.toml"))
            .with_context(|| format!("{folder}/Cargo.toml could not be read"))?;
        let sources = source::read(root, &format!("{folder}/src"))?;
        Ok(Crate { folder, manifest, sources })
    };
    folders.into_iter().map(read).collect()
}

fn violations(crates: &[Crate]) -> Vec<Violation> {
    let manifests: Vec<_> = crates.iter().map(|one| (one.folder.clone(), one.manifest.clone())).collect();
    let mut violations = dependencies::check(&manifests);
    for one in crates {
        violations.extend(one.sources.iter().flat_map(|source| check_source(&one.folder, source)));
        violations.extend(one.cycles().iter().map(describe));
    }
    violations
}

fn check_source(folder: &str, source: &Source) -> Vec<Violation> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    // What pages and responses show are types of the service or the domain, so that rows never leave it.
    if matches!(folder, "app" | "server") && words(&source.code).any(|word| word == "reef_store") {
        found.push(("store", "uses reef_store".to_owned()));
    }
    if matches!(folder, "crates/domain" | "crates/service") {
        let http = words(&source.code).find(|word| matches!(*word, "StatusCode" | "HeaderMap"));
        found.extend(http.map(|word| ("http", format!("knows HTTP: {word}"))));
    }
    // The JSON of vendors is parsed into types by a crate that knows their formats.
    if folder == "crates/service" {
        let json = paths::paths(&source.code).into_iter().find(|path| is_untyped_json(&path.segments));
        found
            .extend(json.map(|path| ("json", format!("handles untyped JSON: {}", path.segments.join("::")))));
    }
    if source.lines_outside_tests > LINES_MAX {
        let lines = source.lines_outside_tests;
        found.push(("length", format!("has {lines} lines outside tests, which is more than {LINES_MAX}")));
    }
    let violation = |(rule, detail)| Violation { rule, place: source.path.clone(), detail };
    found.into_iter().map(violation).collect()
}

fn is_untyped_json(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(path.as_slice(), ["serde_json", "Value" | "Map" | "json" | "value" | "map" | "*", ..])
}

fn describe(cycle: &Cycle) -> Violation {
    let files: Vec<_> = cycle.files.iter().map(String::as_str).collect();
    let edges: Vec<_> = cycle.edges.iter().map(|(from, to)| format!("\n    {from} imports {to}")).collect();
    Violation {
        rule: "cycle",
        place: files.join(" "),
        detail: format!("{} files import each other:{}", files.len(), edges.concat()),
    }
}

/// Returns the rules and places of all exceptions.
fn exceptions() -> Vec<(&'static str, String)> {
    EXCEPTIONS.iter().map(|(rule, place, _)| (*rule, (*place).to_owned())).collect()
}

/// Returns a line for each violation that is not an exception, and for each exception that is not needed.
fn compare(violations: &[Violation], exceptions: &[(&str, String)]) -> Vec<String> {
    let is_of = |violation: &Violation, (rule, place): &(&str, String)| {
        violation.rule == *rule && violation.place == *place
    };
    let unknown = violations.iter().filter(|found| !exceptions.iter().any(|known| is_of(found, known)));
    let spare = exceptions.iter().filter(|known| !violations.iter().any(|found| is_of(found, known)));
    let unknown = unknown.map(|found| format!("{}: {}: {}", found.rule, found.place, found.detail));
    let spare = spare.map(|(rule, place)| format!("{rule}: {place}: the exception is not needed"));
    unknown.chain(spare).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(folder: &str, code: &str) -> Vec<String> {
        let lines = code.lines().count();
        let source =
            Source { path: "x.rs".to_owned(), code: code.to_owned(), lines, lines_outside_tests: lines };
        check_source(folder, &source)
            .into_iter()
            .map(|found| format!("{}: {}", found.rule, found.detail))
            .collect()
    }

    #[test]
    fn store_outside_the_service_is_found() {
        let code = "fn a(row: reef_store::UserRow) {}";
        assert_eq!(details("app", code), ["store: uses reef_store"]);
        assert_eq!(details("server", code), ["store: uses reef_store"]);
        assert!(details("crates/service", code).is_empty());
        assert!(details("app", "use reef_service::reef_store_of;").is_empty());
    }

    #[test]
    fn http_in_the_service_is_found() {
        assert_eq!(
            details("crates/service", "fn a(b: &http::HeaderMap) {}"),
            ["http: knows HTTP: HeaderMap"]
        );
        assert_eq!(
            details("crates/domain", "use http::{Method, StatusCode};"),
            ["http: knows HTTP: StatusCode"]
        );
        assert!(details("server", "use axum::http::StatusCode;").is_empty());
    }

    #[test]
    fn untyped_json_in_the_service_is_found() {
        for (code, name) in [
            ("use serde_json::{Map, from_str};", "Map"),
            ("fn a() { serde_json::json!({}) }", "json"),
            ("use serde_json::Value as Json;", "Value"),
            ("use serde_json::value::RawValue;", "value::RawValue"),
        ] {
            assert_eq!(
                details("crates/service", code),
                [format!("json: handles untyped JSON: serde_json::{name}")]
            );
        }
        assert!(details("crates/service", "fn a() { serde_json::from_str(b) } use crate::Value;").is_empty());
        assert!(details("server", "use serde_json::Value;").is_empty());
    }

    #[test]
    fn long_file_is_found() {
        assert!(details("app", &"\n".repeat(LINES_MAX)).is_empty());
        assert_eq!(
            details("app", &"\n".repeat(LINES_MAX + 1)),
            ["length: has 401 lines outside tests, which is more than 400"]
        );
    }

    #[test]
    fn exceptions_are_exact() {
        let found =
            [Violation { rule: "store", place: "a.rs".to_owned(), detail: "uses reef_store".to_owned() }];
        let exception = |rule| (rule, "a.rs".to_owned());
        assert!(compare(&found, &[exception("store")]).is_empty());
        assert_eq!(compare(&found, &[]), ["store: a.rs: uses reef_store"]);
        assert_eq!(
            compare(&found, &[exception("store"), exception("http")]),
            ["http: a.rs: the exception is not needed"]
        );
    }
}
