//! Lists of fields for people, from JSON schemas.

use serde_json::Value;

use crate::document::{Document, entries, text};

/// The depth of nested fields that are listed.
const DEPTH_MAX: usize = 6;

/// A field of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// The path from the root, such as `data[].id`.
    pub(crate) path: String,
    /// The type in words, such as `string or null`.
    pub(crate) type_name: String,
    pub(crate) is_required: bool,
    /// Its meaning, its values and its limits.
    pub(crate) description: String,
}

/// Lists the fields of a schema, each followed by the fields within it.
pub(crate) fn list_fields(document: Document<'_>, schema: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    collect_fields(document, schema, "", 0, &mut found);
    found
}

fn collect_fields(
    document: Document<'_>,
    schema: &Value,
    prefix: &str,
    depth: usize,
    found: &mut Vec<Field>,
) {
    if depth == DEPTH_MAX {
        return;
    }
    let schema = resolve(document, schema);
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().map(text).collect();
    for (name, property) in entries(&schema["properties"]) {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        found.push(Field {
            type_name: type_name(document, property),
            is_required: required.contains(&name.as_str()),
            description: describe(document, property),
            path: path.clone(),
        });
        let inner = resolve(document, property);
        let is_list = inner["type"] == "array";
        let (inner, path) = if is_list { (&inner["items"], format!("{path}[]")) } else { (inner, path) };
        collect_fields(document, inner, &path, depth + 1, found);
    }
}

/// Returns the schema behind a reference and behind "or null".
fn resolve<'v>(document: Document<'v>, schema: &'v Value) -> &'v Value {
    document.resolve(non_null_choice(schema).unwrap_or(schema))
}

/// Returns the alternative of a `oneOf` that is not null.
fn non_null_choice(schema: &Value) -> Option<&Value> {
    let choices = schema["oneOf"].as_array()?;
    choices.iter().find(|choice| choice["type"] != "null")
}

fn is_nullable(schema: &Value) -> bool {
    let has_null =
        |types: &Value| types.as_array().is_some_and(|types| types.iter().any(|one| one == "null"));
    let is_choice = schema["oneOf"].as_array().is_some_and(|all| all.iter().any(|one| one["type"] == "null"));
    is_choice || has_null(&schema["type"])
}

/// Returns the type in words.
pub(crate) fn type_name(document: Document<'_>, schema: &Value) -> String {
    let inner = resolve(document, schema);
    let name = match &inner["type"] {
        Value::Array(types) => types.iter().map(text).find(|name| *name != "null").unwrap_or("any"),
        other => other.as_str().unwrap_or("any"),
    };
    let mut words = match (name, inner["format"].as_str()) {
        ("array", _) => format!("array of {}", plural(&type_name(document, &inner["items"]))),
        ("string", _) if inner["enum"].is_array() => "enum".to_owned(),
        ("string", Some("date-time")) => "time".to_owned(),
        ("string", Some("uuid")) => "UUID".to_owned(),
        ("string", Some("uri")) => "URL".to_owned(),
        _ => name.to_owned(),
    };
    if is_nullable(schema) {
        words.push_str(" or null");
    }
    words
}

fn plural(kind: &str) -> String {
    format!("{kind}s")
}

/// Returns the meaning of a field or parameter, its values and its limits.
pub(crate) fn describe(document: Document<'_>, schema: &Value) -> String {
    let mut parts = Vec::new();
    let own = [&schema["description"], &non_null_choice(schema).unwrap_or(schema)["description"]];
    if let Some(words) = own.into_iter().find_map(Value::as_str) {
        parts.push(words.replace('\n', " "));
    }
    let described = parts.join(" ");
    // A rule is left out if the description contains it already.
    parts.extend(
        constraints(document, schema)
            .into_iter()
            .filter(|rule| !described.contains(rule.trim_end_matches('.'))),
    );
    parts.join(" ")
}

/// Returns the values of a schema and its limits, as sentences.
pub(crate) fn constraints(document: Document<'_>, schema: &Value) -> Vec<String> {
    let inner = resolve(document, schema);
    let listed = if inner["type"] == "array" { document.resolve(&inner["items"]) } else { inner };
    let mut rules: Vec<String> = values_sentence(listed).into_iter().collect();
    rules.extend(range_sentence(&inner["minLength"], &inner["maxLength"], "characters"));
    rules.extend(range_sentence(&inner["minimum"], &inner["maximum"], ""));
    if let Some(least) = inner["minProperties"].as_u64() {
        rules.push(format!("At least {least}."));
    }
    rules
}

fn values_sentence(schema: &Value) -> Option<String> {
    let values: Vec<String> =
        schema["enum"].as_array()?.iter().map(|value| format!("`{}`", text(value))).collect();
    Some(match values.as_slice() {
        [only] => format!("Always {only}."),
        all => format!("One of {}.", all.join(", ")),
    })
}

fn range_sentence(min: &Value, max: &Value, unit: &str) -> Option<String> {
    let sentence = match (min.as_u64(), max.as_u64()) {
        (Some(least), Some(most)) => format!("{least} to {most} {unit}"),
        (None, Some(most)) => format!("At most {most} {unit}"),
        // A minimum of 0 or 1 is too obvious to be listed.
        (Some(0 | 1) | None, None) => return None,
        (Some(least), None) => format!("At least {least} {unit}"),
    };
    Some(format!("{}.", sentence.trim_end()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_fields_are_listed_with_their_path() {
        let root = json!({"components": {"schemas": {
            "List": {"type": "object", "required": ["data"], "properties": {
                "data": {"type": "array", "items": {"$ref": "#/components/schemas/One"}, "description": "All."}}},
            "One": {"type": "object", "properties": {
                "state": {"oneOf": [{"$ref": "#/components/schemas/State", "description": "How."}, {"type": "null"}]},
                "name": {"type": "string", "minLength": 1, "maxLength": 9}}},
            "State": {"type": "string", "enum": ["on", "off"]},
        }}});
        let document = Document { root: &root, public_url: "" };
        let found = list_fields(document, &json!({"$ref": "#/components/schemas/List"}));
        let lines: Vec<String> = found
            .iter()
            .map(|field| {
                format!(
                    "{} | {} | {} | {}",
                    field.path, field.type_name, field.is_required, field.description
                )
            })
            .collect();
        let expected = [
            "data | array of objects | true | All.",
            "data[].state | enum or null | false | How. One of `on`, `off`.",
            "data[].name | string | false | 1 to 9 characters.",
        ];
        assert_eq!(lines, expected);
    }
}
