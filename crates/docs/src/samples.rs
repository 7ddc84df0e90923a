//! Example requests in curl, Python, JavaScript and Rust. Values are rendered as literals of each language, so that no text
//! of the document can end a string early.

mod curl;
mod javascript;
mod python;
mod rust;

use serde_json::Value;

use crate::block::Code;

/// The request of an example.
pub(crate) struct Request {
    /// The method in upper case.
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) body: Option<Value>,
}

/// Renders a request in all languages.
pub(crate) fn render_all(request: &Request) -> Vec<Code> {
    let texts = [
        ("sh", curl::render(request)),
        ("python", python::render(request)),
        ("javascript", javascript::render(request)),
        ("rust", rust::render(request)),
    ];
    texts.into_iter().map(|(language, text)| Code { language: language.to_owned(), text }).collect()
}

/// The literals of a language.
struct Literals {
    null: &'static str,
    yes: &'static str,
    no: &'static str,
    string: fn(&str) -> String,
}

impl Literals {
    /// Renders a value over several lines, with four spaces per level. The lines after the first are indented by `depth`.
    fn render(&self, value: &Value, depth: usize) -> String {
        match value {
            Value::Null => self.null.to_owned(),
            Value::Bool(true) => self.yes.to_owned(),
            Value::Bool(false) => self.no.to_owned(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => (self.string)(text),
            Value::Array(items) => {
                self.lines(('[', ']'), items.iter().map(|item| self.render(item, depth + 1)), depth)
            }
            Value::Object(object) => {
                let entry = |(key, value): (&String, &Value)| {
                    format!("{}: {}", (self.string)(key), self.render(value, depth + 1))
                };
                self.lines(('{', '}'), object.iter().map(entry), depth)
            }
        }
    }

    fn lines(
        &self,
        (open, close): (char, char),
        items: impl Iterator<Item = String>,
        depth: usize,
    ) -> String {
        let indent = "    ".repeat(depth + 1);
        let lines: String = items.map(|item| format!("{indent}{item},\n")).collect();
        if lines.is_empty() {
            return format!("{open}{close}");
        }
        format!("{open}\n{lines}{}{close}", "    ".repeat(depth))
    }
}

/// Renders a string as JSON, which is also a valid literal in Python and JavaScript.
fn json_string(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(body: Option<Value>) -> Request {
        let url = "https://reef.test/api/v1/it's/\"x\"".to_owned();
        Request { method: "PATCH".to_owned(), url, body }
    }

    #[test]
    fn quotes_in_values_are_escaped_in_every_language() {
        let codes = render_all(&request(Some(
            json!({"a": "it's \"b\" \\ $c `d`", "e": null, "f": true, "g": [], "h": {}}),
        )));
        let text = |at: usize| codes[at].text.as_str();
        assert!(text(0).contains(r#""it'\''s \"b\" \\ $c `d`""#), "{}", text(0));
        assert!(text(0).contains(r#"'https://reef.test/api/v1/it'\''s/"x"'"#), "{}", text(0));
        for at in 1..4 {
            assert!(text(at).contains(r#""it's \"b\" \\ $c `d`""#), "{}", text(at));
            assert!(text(at).contains(r#""https://reef.test/api/v1/it's/\"x\"""#), "{}", text(at));
        }
        assert!(
            text(1).contains("\"e\": None,\n        \"f\": True,\n        \"g\": [],\n        \"h\": {},")
        );
    }

    #[test]
    fn request_without_a_body_sends_none() {
        for code in render_all(&request(None)) {
            for word in ["Content-Type", "json=", ".json(&", "stringify", "-d "] {
                assert!(!code.text.contains(word), "{word}: {}", code.text);
            }
        }
    }
}
