//! The OpenAPI document as pages read it.

use serde_json::{Map, Value};

/// The document and where its server is.
#[derive(Clone, Copy)]
pub(crate) struct Document<'a> {
    pub(crate) root: &'a Value,
    /// Without a slash at its end.
    pub(crate) public_url: &'a str,
}

/// One operation of it.
#[derive(Clone, Copy)]
pub(crate) struct Operation<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) value: &'a Value,
}

/// One thing that can go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorCase {
    pub(crate) status: String,
    pub(crate) code: String,
    pub(crate) when: String,
}

impl<'a> Document<'a> {
    /// Every operation, in the document's order.
    pub(crate) fn operations(self) -> Vec<Operation<'a>> {
        let of_path = |(path, item): (&'a String, &'a Value)| {
            let item = item.as_object().into_iter().flatten();
            item.map(move |(method, value)| Operation { method, path, value })
        };
        entries(&self.root["paths"]).flat_map(of_path).collect()
    }

    /// The operation with this id.
    pub(crate) fn operation(self, id: &str) -> Option<Operation<'a>> {
        self.operations().into_iter().find(|operation| operation.id() == id)
    }

    /// What a reference points to; anything else itself.
    pub(crate) fn resolved(self, value: &'a Value) -> &'a Value {
        let pointer = value["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(value)
    }

    /// A schema by its name.
    pub(crate) fn schema(self, name: &str) -> &'a Value {
        &self.root["components"]["schemas"][name]
    }

    /// The tags with what they say, in the document's order.
    pub(crate) fn tags(self) -> Vec<(&'a str, &'a str)> {
        let tags = self.root["tags"].as_array().into_iter().flatten();
        tags.map(|tag| (text(&tag["name"]), text(&tag["description"]))).collect()
    }

    /// A value that the document shows for a name somewhere in its examples of answers.
    pub(crate) fn example_of(self, name: &str) -> Option<&'a Value> {
        self.operations().into_iter().find_map(|operation| {
            let (_, answer) = operation.success()?;
            answer["content"]["application/json"]["example"]["data"].get(name)
        })
    }
}

impl<'a> Operation<'a> {
    pub(crate) fn id(self) -> &'a str {
        text(&self.value["operationId"])
    }

    pub(crate) fn summary(self) -> &'a str {
        text(&self.value["summary"])
    }

    /// What it does, on one line.
    pub(crate) fn description(self) -> String {
        text(&self.value["description"]).replace('\n', " ")
    }

    pub(crate) fn tag(self) -> &'a str {
        text(&self.value["tags"][0])
    }

    /// Anything but reading.
    pub(crate) fn is_change(self) -> bool {
        self.method != "get"
    }

    /// The scope that its key needs, as the roles of its security requirement.
    pub(crate) fn scope(self) -> Option<&'a str> {
        self.value["security"][0]["apiKey"][0].as_str()
    }

    /// The parameters in one place: `path`, `query` or `header`.
    pub(crate) fn parameters(self, place: &'static str) -> Vec<&'a Value> {
        let all = self.value["parameters"].as_array().into_iter().flatten();
        all.filter(|parameter| parameter["in"] == place).collect()
    }

    pub(crate) fn body(self) -> Option<&'a Value> {
        self.value.get("requestBody")
    }

    /// Its body's example.
    pub(crate) fn body_example(self) -> Option<&'a Value> {
        self.body()?["content"]["application/json"].get("example")
    }

    /// Status and answer when all goes well.
    pub(crate) fn success(self) -> Option<(&'a str, &'a Value)> {
        self.answers().find(|(status, _)| status.starts_with('2'))
    }

    /// Every answer with its status.
    pub(crate) fn answers(self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        entries(&self.value["responses"]).map(|(status, answer)| (status.as_str(), answer))
    }

    /// Everything that can go wrong: descriptions name each code and then say when it occurs.
    pub(crate) fn errors(self) -> Vec<ErrorCase> {
        let wrong = self.answers().filter(|(status, _)| status.starts_with(['4', '5']));
        wrong.flat_map(|(status, answer)| cases(status, text(&answer["description"]))).collect()
    }
}

/// Splits ``"`CODE`: when. `OTHER`: when."``.
fn cases(status: &str, description: &str) -> Vec<ErrorCase> {
    let mut cases: Vec<ErrorCase> = Vec::new();
    let mut rest = description;
    while let Some((before, code, after)) = next_code(rest) {
        if let Some(last) = cases.last_mut() {
            before.trim().clone_into(&mut last.when);
        }
        cases.push(ErrorCase { status: status.to_owned(), code: code.to_owned(), when: String::new() });
        rest = after;
    }
    if let Some(last) = cases.last_mut() {
        rest.trim().clone_into(&mut last.when);
    }
    cases
}

/// The text before the first ``"`CODE`: "``, the code, and the text after it.
fn next_code(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('`').map(|at| from + at) {
        let (word, after) = text[open + 1..].split_once('`')?;
        let is_code = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        if let Some(after) = after.strip_prefix(": ").filter(|_| is_code) {
            return Some((&text[..open], word, after));
        }
        from = open + word.len() + 2;
    }
    None
}

/// A JSON string, or nothing.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The entries of a JSON object, or none.
pub(crate) fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_split_with_what_they_say() {
        let found = cases(
            "409",
            "`INVALID_STATE`: not `purchased`. `REQUEST_IN_PROGRESS`: this `Idempotency-Key` runs.",
        );
        let pairs: Vec<_> = found.iter().map(|case| (case.code.as_str(), case.when.as_str())).collect();
        let expected =
            [("INVALID_STATE", "not `purchased`."), ("REQUEST_IN_PROGRESS", "this `Idempotency-Key` runs.")];
        assert_eq!(pairs, expected);
        assert!(cases("500", "no code at all").is_empty());
    }
}
