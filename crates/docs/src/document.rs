//! Access to the OpenAPI document: operations, parameters, responses and schemas.

use serde_json::{Map, Value};

use crate::block::slug;

/// The OpenAPI document and the URL of its server.
#[derive(Clone, Copy)]
pub(crate) struct Document<'a> {
    pub(crate) root: &'a Value,
    /// The URL of the server, without a trailing slash.
    pub(crate) public_url: &'a str,
}

/// An operation of the document.
#[derive(Clone, Copy)]
pub(crate) struct Operation<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) value: &'a Value,
}

/// An error that an operation can return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorCase {
    pub(crate) status: String,
    pub(crate) code: String,
    pub(crate) when: String,
}

impl<'a> Document<'a> {
    /// Lists the operations in document order.
    pub(crate) fn operations(self) -> Vec<Operation<'a>> {
        let of_path = |(path, item): (&'a String, &'a Value)| {
            let item = item.as_object().into_iter().flatten();
            item.map(move |(method, value)| Operation { method, path, value })
        };
        entries(&self.root["paths"]).flat_map(of_path).collect()
    }

    /// Finds the operation with this `operationId`.
    pub(crate) fn find_operation(self, id: &str) -> Option<Operation<'a>> {
        self.operations().into_iter().find(|operation| operation.id() == id)
    }

    /// Follows a `$ref`. Any other value is returned as it is.
    pub(crate) fn resolve(self, value: &'a Value) -> &'a Value {
        let pointer = value["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(value)
    }

    /// Returns a schema by its name, or null.
    pub(crate) fn schema(self, name: &str) -> &'a Value {
        &self.root["components"]["schemas"][name]
    }

    /// Lists the tags and their descriptions in document order.
    pub(crate) fn tags(self) -> Vec<(&'a str, &'a str)> {
        let tags = self.root["tags"].as_array().into_iter().flatten();
        tags.map(|tag| (text(&tag["name"]), text(&tag["description"]))).collect()
    }

    /// Finds a field of this name in the examples of responses.
    pub(crate) fn find_example(self, name: &str) -> Option<&'a Value> {
        self.operations().into_iter().find_map(|operation| {
            let (_, answer) = operation.successful_response()?;
            answer["content"]["application/json"]["example"]["data"].get(name)
        })
    }
}

impl<'a> Operation<'a> {
    pub(crate) fn id(self) -> &'a str {
        text(&self.value["operationId"])
    }

    /// Returns the last segment of the path of the operation's page, such as `get-assistant`.
    pub(crate) fn slug(self) -> String {
        let mut spaced = String::new();
        for char in self.id().chars() {
            if char.is_ascii_uppercase() {
                spaced.push(' ');
            }
            spaced.push(char);
        }
        slug(&spaced)
    }

    pub(crate) fn summary(self) -> &'a str {
        text(&self.value["summary"])
    }

    /// Returns the description on one line.
    pub(crate) fn description(self) -> String {
        text(&self.value["description"]).replace('\n', " ")
    }

    pub(crate) fn tag(self) -> &'a str {
        text(&self.value["tags"][0])
    }

    /// Whether the operation may change something.
    pub(crate) fn is_change(self) -> bool {
        self.method != "get"
    }

    /// Returns the scope that the API key needs, which is a role of the security requirement.
    pub(crate) fn scope(self) -> Option<&'a str> {
        self.value["security"][0]["apiKey"][0].as_str()
    }

    /// Lists the parameters in `path`, `query` or `header`.
    pub(crate) fn parameters(self, place: &'static str) -> Vec<&'a Value> {
        let all = self.value["parameters"].as_array().into_iter().flatten();
        all.filter(|parameter| parameter["in"] == place).collect()
    }

    pub(crate) fn body(self) -> Option<&'a Value> {
        self.value.get("requestBody")
    }

    /// Returns the example of the request body.
    pub(crate) fn body_example(self) -> Option<&'a Value> {
        self.body()?["content"]["application/json"].get("example")
    }

    /// Finds the successful response and its status.
    pub(crate) fn successful_response(self) -> Option<(&'a str, &'a Value)> {
        self.responses().find(|(status, _)| status.starts_with('2'))
    }

    /// Lists the responses and their statuses.
    pub(crate) fn responses(self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        entries(&self.value["responses"]).map(|(status, answer)| (status.as_str(), answer))
    }

    /// Lists the errors. The descriptions of error responses have the form ``"`CODE`: when. `OTHER`: when."``.
    pub(crate) fn errors(self) -> Vec<ErrorCase> {
        let wrong = self.responses().filter(|(status, _)| status.starts_with(['4', '5']));
        wrong.flat_map(|(status, answer)| parse_error_cases(status, text(&answer["description"]))).collect()
    }
}

/// Splits the description of an error response into its codes.
fn parse_error_cases(status: &str, description: &str) -> Vec<ErrorCase> {
    let mut cases: Vec<ErrorCase> = Vec::new();
    let mut rest = description;
    while let Some((before, code, after)) = find_code(rest) {
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

/// Finds the first ``"`CODE`: "``. Returns the text before it, the code, and the text after it.
fn find_code(text: &str) -> Option<(&str, &str, &str)> {
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

/// Returns a JSON string, or `""` for any other value.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Iterates over the entries of a JSON object. Any other value has none.
pub(crate) fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn slug_is_derived_from_the_operation_id() {
        let value = json!({"operationId": "getAssistantStatus"});
        assert_eq!(Operation { method: "get", path: "/", value: &value }.slug(), "get-assistant-status");
    }

    #[test]
    fn error_descriptions_are_split_by_code() {
        let found = parse_error_cases(
            "409",
            "`INVALID_STATE`: not `purchased`. `REQUEST_IN_PROGRESS`: this `Idempotency-Key` runs.",
        );
        let pairs: Vec<_> = found.iter().map(|case| (case.code.as_str(), case.when.as_str())).collect();
        let expected =
            [("INVALID_STATE", "not `purchased`."), ("REQUEST_IN_PROGRESS", "this `Idempotency-Key` runs.")];
        assert_eq!(pairs, expected);
        assert!(parse_error_cases("500", "no code in this text").is_empty());
    }
}
