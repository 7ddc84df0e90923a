//! Rust files as text: their code without comments, literals and tests.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A file that is compiled outside tests.
#[derive(Debug)]
pub struct Source {
    /// The path within the repository.
    pub path: String,
    /// The code. Comments, literals and tests are spaces, and all other offsets are those of the file.
    pub code: String,
    /// The number of lines of the whole file.
    pub lines: usize,
    /// The number of lines outside tests.
    pub lines_outside_tests: usize,
}

/// Reads the files below a folder that are not only compiled for tests.
pub fn read(root: &Path, folder: &str) -> Result<Vec<Source>> {
    let mut files = Vec::new();
    list(&root.join(folder), &mut files)?;
    files.sort();
    let mut sources = Vec::new();
    let mut tests: Vec<String> = Vec::new();
    for file in files {
        let text =
            fs::read_to_string(&file).with_context(|| format!("{} could not be read", file.display()))?;
        let path = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        let (source, modules) = parse(path, &text);
        tests.extend(modules);
        sources.push(source);
    }
    // A module that is declared for tests is a file, a folder, or both.
    sources.retain(|source| {
        let module = source.path.trim_end_matches(".rs");
        !tests.iter().any(|test| module == test || module.starts_with(&format!("{test}/")))
    });
    Ok(sources)
}

fn list(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} could not be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// Parses a file. Also returns the paths, without `.rs`, of the modules that it declares for tests.
fn parse(path: String, text: &str) -> (Source, Vec<String>) {
    let mut code = without_comments_and_literals(text);
    let (folder, _) = path.rsplit_once('/').unwrap_or(("", ""));
    let modules = match path.strip_suffix("/mod.rs").or_else(|| path.strip_suffix("/lib.rs")) {
        Some(folder) => folder,
        None => path.trim_end_matches(".rs"),
    };
    let mut declared = Vec::new();
    let mut test_lines = 0;
    while let Some((start, end)) = find_test_item(text, &code) {
        let item = code[start..end].trim_end();
        if let Some(name) =
            item.strip_suffix(';').and_then(|item| item.rsplit_once("mod ")).map(|(_, name)| name)
        {
            let file =
                text[start..end].split_once("#[path = \"").and_then(|(_, rest)| rest.split_once(".rs\""));
            declared.push(match file {
                Some((file, _)) => format!("{folder}/{file}"),
                None => format!("{modules}/{name}"),
            });
        }
        test_lines += item.matches('\n').count() + 1;
        code = format!("{}{}{}", &code[..start], blank(&code[start..end]), &code[end..]);
    }
    let lines = text.lines().count();
    (Source { path, code, lines, lines_outside_tests: lines.saturating_sub(test_lines) }, declared)
}

/// Finds the first item that is compiled only for tests, from its attribute to its end.
fn find_test_item(text: &str, code: &str) -> Option<(usize, usize)> {
    code.match_indices("#[cfg(").find_map(|(start, attribute)| {
        let open = start + attribute.len() - 1;
        let close = open + closing(&code[open..])?;
        // The names of features are literals, which only the text has.
        let condition = &text[open + 1..close];
        let is_test = words(condition).any(|word| word == "test") || condition.contains("\"testing\"");
        let is_negated = condition.contains("not(");
        (is_test && !is_negated).then(|| (start, close + 1 + item_length(&code[close + 1..])))
    })
}

/// Returns the length of the rest of an attribute and of the item after it: up to its block, its semicolon, or the end of the
/// block around it.
fn item_length(code: &str) -> usize {
    let keyword = words(code.trim_start_matches([']', ' ', '\n'])).next().unwrap_or_default();
    let mut at = 0;
    while let Some(character) = code[at..].chars().next() {
        match character {
            ';' => return at + 1,
            '}' => return at,
            '(' | '[' | '{' => {
                at += closing(&code[at..]).unwrap_or(code.len() - at - 1);
                if character == '{' && !matches!(keyword, "use" | "let" | "const" | "static") {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += character.len_utf8();
    }
    code.len()
}

/// Returns the offset of the bracket that closes the one at the beginning.
pub fn closing(code: &str) -> Option<usize> {
    let mut depth = 0;
    code.char_indices().find_map(|(at, character)| {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

/// Iterates over the identifiers and keywords.
pub fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|character: char| !is_word(character)).filter(|word| !word.is_empty())
}

/// Whether an identifier may contain a character.
pub fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Replaces comments and literals with spaces.
fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut before = ' ';
    while let Some(character) = text[code.len()..].chars().next() {
        let rest = &text[code.len()..];
        if let Some(length) = comment(rest).or_else(|| literal(rest, before)) {
            code.push_str(&blank(&rest[..length]));
            before = ' ';
        } else {
            code.push(character);
            before = character;
        }
    }
    code
}

/// Replaces everything but line breaks with as many bytes of spaces.
fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let step = if rest[at..].starts_with("/*") {
            depth += 1;
            2
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

fn literal(rest: &str, before: char) -> Option<usize> {
    if let Some(text) = rest.strip_prefix('"') {
        return quoted(text, '"').map(|length| length + 1);
    }
    if let Some(text) = rest.strip_prefix('\'') {
        let mut characters = text.chars();
        let first = characters.next()?;
        // Without a quote after its first character it is a lifetime.
        let is_character = first == '\\' || characters.next() == Some('\'');
        return if is_character { quoted(text, '\'').map(|length| length + 1) } else { None };
    }
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|text| text.trim_start_matches('#').starts_with('"'))
    })?;
    if is_word(before) {
        return None;
    }
    let hashes = rest[prefix.len()..].find('"')?;
    let start = prefix.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(start + rest[start..].find(&end).map_or(rest.len() - start, |at| at + end.len()))
}

/// Returns the length of a literal's text up to and including its closing quote.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, character)| {
        let is_end = character == quote && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        is_end.then(|| at + quote.len_utf8())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_spaces() {
        let text =
            "a // b\n/* c /* d */ e */ f(\"g\\\"\", r#\"h\"i\"#, b'j', '\\'', '\"') 'k: x<'l> é \"ö\" m";
        let code = without_comments_and_literals(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(words(&code).collect::<Vec<_>>(), ["a", "f", "b", "k", "x", "l", "é", "m"]);
        assert!(code.contains('\n'));
    }

    #[test]
    fn code_for_tests_is_left_out() {
        let text = "use a;\n#[cfg(test)]\nuse b::{c, d};\n#[cfg(not(test))]\nfn e() {}\n#[cfg(any(test, feature = \"testing\"))]\n\
                    fn f(x: [u8; 3]) -> u8 {\n    g()\n}\n#[cfg(feature = \"testing\")]\npub mod fakes;\nstruct S {\n    h: u8,\n\
                    \x20   #[cfg(test)]\n    i: u8,\n}\n#[cfg(test)]\n#[path = \"k_tests.rs\"]\nmod tests;\nfn j() {}\n";
        let (source, tests) = parse("crates/x/src/k.rs".to_owned(), text);
        let kept: Vec<_> = words(&source.code).filter(|word| word.len() == 1).collect();
        assert_eq!(
            kept,
            ["a", "e", "S", "h", "u8", "j"].into_iter().filter(|word| word.len() == 1).collect::<Vec<_>>()
        );
        assert_eq!(tests, ["crates/x/src/k/fakes", "crates/x/src/k_tests"]);
        assert_eq!((source.lines, source.lines_outside_tests), (20, 7));
    }
}
