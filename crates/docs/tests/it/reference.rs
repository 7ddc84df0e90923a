//! Tests that the pages contain everything in the OpenAPI document.

use serde_json::{Map, Value};

use crate::{DOCS, DOCUMENT, URL};

/// Returns every operation with the path of its page, its method and its own path.
fn operations() -> Vec<(String, String, &'static str, &'static Value)> {
    let mut all = Vec::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let mut slug = String::new();
            for char in id.chars() {
                if char.is_ascii_uppercase() {
                    slug.push('-');
                }
                slug.push(char.to_ascii_lowercase());
            }
            all.push((format!("/docs/{slug}"), method.to_uppercase(), path.as_str(), operation));
        }
    }
    all
}

/// Escapes a text as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Renders a text with inline code as HTML.
fn rendered(text: &str) -> String {
    let pieces: Vec<String> = text.split('`').map(escaped).collect();
    let mut html = String::new();
    for (at, piece) in pieces.iter().enumerate() {
        html.push_str(piece);
        if at + 1 < pieces.len() {
            html.push_str(if at % 2 == 0 { "<code>" } else { "</code>" });
        }
    }
    html
}

fn get_page(path: &str) -> (&'static str, &'static str) {
    let page = DOCS.page(path).unwrap_or_else(|| panic!("no page {path}"));
    (&page.html, &page.markdown)
}

#[test]
fn operation_pages_have_summary_and_description() {
    for (page, method, path, operation) in operations() {
        let (html, markdown) = get_page(&page);
        let summary = operation["summary"].as_str().unwrap();
        let description = operation["description"].as_str().unwrap().replace('\n', " ");
        assert!(html.starts_with(&format!("<h1>{}</h1>", rendered(summary))), "{page}");
        assert!(markdown.starts_with(&format!("# {summary}\n\n{description}\n")), "{page}: {markdown}");
        assert!(html.contains(&rendered(&description)), "{page}");
        assert!(markdown.contains(&format!("`{method} {URL}{path}`")), "{page}");
        assert!(html.contains(&format!("{method}</span> <code>{URL}{path}</code>")), "{page}");
    }
    assert_eq!(operations().len(), 29);
}

#[test]
fn operation_pages_list_parameters_errors_and_headers() {
    for (page, _, _, operation) in operations() {
        let (html, markdown) = get_page(&page);
        let shown = |words: &str| {
            assert!(html.contains(&rendered(words)), "{page} as HTML: {words}");
            assert!(markdown.contains(words), "{page} as Markdown: {words}");
        };
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            shown(&format!("`{}`", parameter["name"].as_str().unwrap()));
            shown(parameter["description"].as_str().unwrap());
        }
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let description = answer["description"].as_str().unwrap();
            if !status.starts_with(['4', '5']) {
                shown(description);
                continue;
            }
            // The description has the form "`CODE`: when. `OTHER`: when."
            let mut codes = 0;
            for code in DOCUMENT["components"]["schemas"]["ErrorCode"]["enum"].as_array().unwrap() {
                let mark = format!("`{}`: ", code.as_str().unwrap());
                let Some((_, after)) = description.split_once(&mark) else { continue };
                // The first letter is skipped, because the page may capitalize it.
                let when = after.split(". `").next().unwrap().get(1..).unwrap();
                shown(when);
                shown(&format!("`{}`", code.as_str().unwrap()));
                codes += 1;
            }
            assert!(codes > 0, "{page} {status} has no code: {description}");
        }
        let success =
            operation["responses"].as_object().unwrap().iter().find(|(status, _)| status.starts_with('2'));
        for (header, _) in success.unwrap().1["headers"].as_object().unwrap() {
            shown(&format!("`{header}`"));
        }
    }
}

/// Collects the names of the schemas that a value refers to, directly or indirectly.
fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(name) = object.get("$ref").and_then(Value::as_str) {
                let name = name.rsplit('/').next().unwrap().to_owned();
                if !found.contains(&name) {
                    found.push(name.clone());
                    collect_references(&DOCUMENT["components"]["schemas"][&name], found);
                }
            }
            object.values().for_each(|value| collect_references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, found)),
        _ => {}
    }
}

fn assert_fields_shown(page: &str, schema: &Value) {
    let mut names = Vec::new();
    collect_references(schema, &mut names);
    assert!(!names.is_empty(), "{page}");
    let (html, markdown) = get_page(page);
    for name in names {
        let none = Map::new();
        let schema = &DOCUMENT["components"]["schemas"][&name];
        for (field, property) in schema["properties"].as_object().unwrap_or(&none) {
            let is_in_html =
                html.contains(&format!("<code>{field}</code>")) || html.contains(&format!(".{field}</code>"));
            let is_in_markdown =
                markdown.contains(&format!("`{field}`")) || markdown.contains(&format!(".{field}`"));
            assert!(is_in_html && is_in_markdown, "{page} lacks {name}.{field}");
            let nested = property["oneOf"]
                .as_array()
                .and_then(|choices| choices.iter().find_map(|one| one["description"].as_str()));
            let words = property["description"]
                .as_str()
                .or(nested)
                .unwrap_or_else(|| panic!("{name}.{field} has no description"));
            assert!(markdown.contains(&words.replace('\n', " ")), "{page} lacks what {name}.{field} is");
        }
        for value in schema["enum"].as_array().into_iter().flatten() {
            assert!(
                markdown.contains(&format!("`{}`", value.as_str().unwrap())),
                "{page} lacks {value} of {name}"
            );
        }
    }
}

#[test]
fn operation_pages_list_all_fields_of_their_schemas() {
    for (page, _, _, operation) in operations() {
        if let Some(body) = operation.get("requestBody") {
            assert_fields_shown(&page, body);
        }
        let answers = operation["responses"].as_object().unwrap();
        for (_, answer) in answers.iter().filter(|(status, _)| status.starts_with('2')) {
            assert_fields_shown(&page, &answer["content"]);
        }
    }
    assert_fields_shown("/docs/errors", &serde_json::json!({"$ref": "#/components/schemas/ErrorResponse"}));
}

#[test]
fn enum_values_have_descriptions() {
    let schemas = DOCUMENT["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas.iter().filter(|(_, schema)| schema["enum"].is_array()) {
        for value in schema["enum"].as_array().unwrap() {
            let meaning = schema["x-enumDescriptions"][value.as_str().unwrap()].as_str();
            assert!(meaning.is_some_and(|meaning| !meaning.is_empty()), "{name} {value}");
        }
    }
    let (html, markdown) = get_page("/docs/errors");
    for (code, meaning) in schemas["ErrorCode"]["x-enumDescriptions"].as_object().unwrap() {
        assert!(html.contains(&rendered(meaning.as_str().unwrap())), "{code}");
        let status = &schemas["ErrorCode"]["x-enumHttpStatus"][code];
        let line = markdown.lines().find(|line| line.starts_with(&format!("| `{code}` |")));
        assert!(line.is_some_and(|line| line.contains(&status.to_string())), "{code}: {line:?}");
    }
}

#[test]
fn operation_pages_name_the_required_scope() {
    for (page, _, _, operation) in operations() {
        let (_, markdown) = get_page(&page);
        match operation["responses"]["403"]["description"].as_str() {
            Some(refused) => {
                let scope = operation["security"][0]["apiKey"][0].as_str().unwrap();
                assert!(refused.contains(&format!("lacks the scope `{scope}`")), "{page}: {refused}");
                assert!(markdown.contains(&format!("needs the scope `{scope}`")), "{page}");
            }
            None => assert!(markdown.contains("Any valid API key"), "{page}"),
        }
    }
}
