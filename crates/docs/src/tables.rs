//! Tables of fields, parameters, headers, errors and endpoints.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::block::{Block, Table};
use crate::document::{Document, ErrorCase, text};
use crate::schema::{self, Field};

fn table(caption: &str, head: &[&str], rows: Vec<Vec<String>>) -> Block {
    let head = head.iter().map(|name| (*name).to_owned()).collect();
    Block::Table(Table { caption: caption.to_owned(), head, rows })
}

fn yes_or_no(value: bool) -> String {
    (if value { "yes" } else { "no" }).to_owned()
}

/// Returns a table of what a request contains, with a column for required fields.
pub(crate) fn request_fields(caption: &str, fields: Vec<Field>) -> Block {
    let row = |field: Field| {
        vec![format!("`{}`", field.path), field.type_name, yes_or_no(field.is_required), field.description]
    };
    table(caption, &["Name", "Type", "Required", "Description"], fields.into_iter().map(row).collect())
}

/// Returns a table of what a response contains, where optional fields are marked.
pub(crate) fn response_fields(caption: &str, fields: Vec<Field>) -> Block {
    let row = |field: Field| {
        let kind = if field.is_required { field.type_name } else { format!("{}, optional", field.type_name) };
        vec![format!("`{}`", field.path), kind, field.description]
    };
    table(caption, &["Name", "Type", "Description"], fields.into_iter().map(row).collect())
}

/// Returns a table of parameters.
pub(crate) fn parameters(document: Document<'_>, caption: &str, parameters: &[&Value]) -> Block {
    let fields = parameters.iter().map(|parameter| Field {
        path: text(&parameter["name"]).to_owned(),
        type_name: schema::type_name(document, &parameter["schema"]),
        is_required: parameter["required"] == true,
        description: parameter_description(document, parameter),
    });
    request_fields(caption, fields.collect())
}

/// Returns the meaning of a parameter, its values and its limits.
pub(crate) fn parameter_description(document: Document<'_>, parameter: &Value) -> String {
    let own = text(&parameter["description"]).to_owned();
    [own].into_iter().chain(schema::constraints(document, &parameter["schema"])).collect::<Vec<_>>().join(" ")
}

/// Returns a table of the headers of a response.
pub(crate) fn headers(document: Document<'_>, answer: &Value) -> Block {
    let named = answer["headers"].as_object().into_iter().flatten();
    let row = |(name, header): (&String, &Value)| {
        let header = document.resolve(header);
        vec![format!("`{name}`"), text(&header["description"]).to_owned()]
    };
    table("Headers of the response", &["Header", "Description"], named.map(row).collect())
}

/// Returns a table of the errors of an operation.
pub(crate) fn errors(cases: Vec<ErrorCase>) -> Block {
    let row = |case: ErrorCase| vec![format!("`{}`", case.code), case.status, capitalized(&case.when)];
    table("Errors", &["Code", "Status", "When"], cases.into_iter().map(row).collect())
}

/// Returns a table of all error codes, with the statuses of each.
pub(crate) fn codes(document: Document<'_>) -> Block {
    let codes = document.schema("ErrorCode");
    let cases: Vec<ErrorCase> =
        document.operations().into_iter().flat_map(crate::document::Operation::errors).collect();
    let row = |code: &Value| {
        let code = text(code);
        let of_code = cases.iter().filter(|case| case.code == code);
        let mut statuses: BTreeSet<String> = of_code.map(|case| case.status.clone()).collect();
        statuses.extend(codes["x-enumHttpStatus"][code].as_u64().map(|status| status.to_string()));
        let statuses: Vec<String> = statuses.into_iter().collect();
        vec![format!("`{code}`"), statuses.join(", "), text(&codes["x-enumDescriptions"][code]).to_owned()]
    };
    let rows = codes["enum"].as_array().into_iter().flatten().map(row).collect();
    table("Every error code", &["Code", "Status", "When"], rows)
}

/// Returns a table of the values of an enum and their meanings.
pub(crate) fn values(document: Document<'_>, name: &str) -> Block {
    let schema = document.schema(name);
    let row = |value: &Value| {
        let value = text(value);
        vec![format!("`{value}`"), text(&schema["x-enumDescriptions"][value]).to_owned()]
    };
    let rows = schema["enum"].as_array().into_iter().flatten().map(row).collect();
    table(text(&schema["description"]), &["Value", "Meaning"], rows)
}

/// Returns a table of the endpoints with a tag, each with a link to its page.
pub(crate) fn endpoints(document: Document<'_>, tag: &str) -> Block {
    let of_tag = document.operations().into_iter().filter(|operation| operation.tag() == tag);
    let row = |operation: crate::document::Operation<'_>| {
        let page = operation.slug();
        vec![
            format!("[{}](/docs/{page})", operation.summary()),
            format!("`{} {}`", operation.method.to_uppercase(), operation.path),
        ]
    };
    table(tag, &["Operation", "Endpoint"], of_tag.map(row).collect())
}

/// Capitalizes the first letter of a phrase.
fn capitalized(phrase: &str) -> String {
    let mut chars = phrase.chars();
    // A phrase that begins with code, such as `name`, stays as it is.
    match chars.next() {
        Some(first) if first.is_ascii_lowercase() => {
            format!("{}{}", first.to_ascii_uppercase(), chars.as_str())
        }
        _ => phrase.to_owned(),
    }
}
