//! Tests that all code samples parse: with `python3`, `node` and `sh`, which `cargo xtask test` requires anyway.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::codes;

/// Runs a program with `input` on its standard input. Returns whether it succeeded, and its output.
pub fn run(program: &str, arguments: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

fn samples_in(language: &str) -> Vec<(&'static str, &'static str)> {
    let found: Vec<_> = codes()
        .into_iter()
        .filter(|(_, code)| code.language == language)
        .map(|(page, code)| (page, code.text.as_str()))
        .collect();
    assert!(found.len() > 15, "{language}: {}", found.len());
    found
}

#[test]
fn python_samples_parse() {
    let all: Vec<_> = samples_in("python");
    let reader = "import ast, json, sys\nfor page, code in json.load(sys.stdin):\n  ast.parse(code, page)";
    let (is_ok, said) = run("python3", &["-c", reader], &serde_json::to_string(&all).unwrap());
    assert!(is_ok, "{said}");
}

#[test]
fn javascript_samples_parse() {
    let all = samples_in("javascript");
    // `SourceTextModule` parses a module without running it.
    let reader = "const { SourceTextModule } = require('node:vm'); let text = '';\
        process.stdin.on('data', (part) => { text += part; }).on('end', () => {\
        for (const [page, code] of JSON.parse(text)) new SourceTextModule(code, { identifier: page }); });";
    let flags = ["--experimental-vm-modules", "--no-warnings", "-e", reader];
    let (is_ok, said) = run("node", &flags, &serde_json::to_string(&all).unwrap());
    assert!(is_ok, "{said}");
}

#[test]
fn shell_samples_parse() {
    for (page, code) in samples_in("sh") {
        let (is_ok, said) = run("sh", &["-n"], code);
        assert!(is_ok, "{page}: {said}\n{code}");
    }
}

#[test]
fn json_samples_parse() {
    let all = codes().into_iter().filter(|(_, code)| code.language == "json");
    for (page, code) in all {
        assert!(serde_json::from_str::<serde_json::Value>(&code.text).is_ok(), "{page}: {}", code.text);
    }
}
