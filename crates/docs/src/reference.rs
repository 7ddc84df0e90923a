//! The page of each operation, generated from the OpenAPI document.

use serde_json::Value;

use crate::block::{Block, Code, heading, paragraph};
use crate::document::{Document, Operation, text};
use crate::page::Draft;
use crate::samples::{self, Request};
use crate::try_it::{FormInput, TryItForm};
use crate::{schema, tables};

/// Returns the pages of all operations, by tag.
pub(crate) fn drafts(document: &Document<'_>) -> Vec<Draft> {
    let operations = document.operations();
    let of_tag =
        |tag: &str| operations.iter().filter(move |operation| operation.tag() == tag).collect::<Vec<_>>();
    document.tags().into_iter().flat_map(|(tag, _)| of_tag(tag)).map(|one| draft(*document, *one)).collect()
}

fn draft(document: Document<'_>, operation: Operation<'_>) -> Draft {
    let method = operation.method.to_uppercase();
    let mut blocks = vec![Block::Endpoint {
        method: method.clone(),
        url: format!("{}{}", document.public_url, operation.path),
    }];
    blocks.extend(requirements(operation));
    blocks.push(heading(2, "Request"));
    blocks.push(request_samples(document, operation));
    blocks.extend(request_blocks(document, operation));
    blocks.extend(response_blocks(document, operation));
    blocks.push(heading(2, "Errors"));
    blocks.push(paragraph("[Errors](/docs/errors) describes the format of errors and their `details`."));
    blocks.push(tables::errors(operation.errors()));
    blocks.push(heading(2, "Try it"));
    blocks.push(paragraph("Send a request to this server with your own API key."));
    blocks.push(Block::TryIt(try_it_form(document, operation)));
    Draft {
        slug: operation.slug(),
        title: operation.summary().to_owned(),
        label: operation.summary().to_owned(),
        lead: operation.description(),
        group: operation.tag().to_owned(),
        method: Some(method),
        blocks,
    }
}

/// Returns the requirements of an operation: scope, idempotency and conditional requests.
fn requirements(operation: Operation<'_>) -> Vec<Block> {
    let mut items = vec![match operation.scope() {
        Some(scope) => format!("The API key in `X-API-Key` needs the scope `{scope}`."),
        None => "Any valid API key in `X-API-Key` works.".to_owned(),
    }];
    let takes_key = operation.errors().iter().any(|case| case.code == "IDEMPOTENCY_KEY_REUSED");
    if takes_key {
        items.push("Supports `Idempotency-Key`: see [Idempotency](/docs/idempotency).".to_owned());
    }
    let has_tag =
        operation.successful_response().is_some_and(|(_, answer)| answer["headers"]["ETag"].is_object());
    if has_tag {
        items.push("Returns an `ETag`: see [Paging and conditional requests](/docs/paging).".to_owned());
    }
    vec![Block::List { is_ordered: false, items }]
}

/// Returns example requests in all languages.
pub(crate) fn request_samples(document: Document<'_>, operation: Operation<'_>) -> Block {
    let request = Request {
        method: operation.method.to_uppercase(),
        url: format!("{}{}", document.public_url, example_path(document, operation)),
        body: operation.body_example().cloned(),
    };
    Block::Tabs { label: operation.summary().to_owned(), codes: samples::render_all(&request) }
}

/// Returns the path with example ids from the document.
fn example_path(document: Document<'_>, operation: Operation<'_>) -> String {
    let parameters = operation.parameters("path");
    parameters.iter().fold(operation.path.to_owned(), |path, parameter| {
        let name = text(&parameter["name"]);
        // If no example has a field of this name, the parameter is the `id` of the object itself.
        let example = document.find_example(name).or_else(|| document.find_example("id")).map_or(name, text);
        path.replace(&format!("{{{name}}}"), example)
    })
}

/// Returns the parameters and the body of a request.
fn request_blocks(document: Document<'_>, operation: Operation<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (place, title) in
        [("path", "Path parameters"), ("query", "Query parameters"), ("header", "Header parameters")]
    {
        let parameters = operation.parameters(place);
        if !parameters.is_empty() {
            blocks.push(heading(3, title));
            blocks.push(tables::parameters(document, title, &parameters));
        }
    }
    let Some(body) = operation.body() else { return blocks };
    let schema = &body["content"]["application/json"]["schema"];
    blocks.push(heading(3, "Body"));
    let needed = if body["required"] == true { "" } else { " The body is optional." };
    let words = text(&document.resolve(schema)["description"]);
    blocks.push(paragraph(format!("{words} The body is a JSON object with these keys.{needed}")));
    blocks.push(tables::request_fields("Body", schema::list_fields(document, schema)));
    blocks
}

/// Returns the successful responses.
fn response_blocks(document: Document<'_>, operation: Operation<'_>) -> Vec<Block> {
    let mut blocks = vec![heading(2, "Response")];
    for (status, answer) in operation.responses().filter(|(status, _)| status.starts_with(['2', '3'])) {
        blocks.push(paragraph(format!("**{status}** {}", text(&answer["description"]))));
        let content = &answer["content"];
        let other: Vec<&String> =
            content.as_object().into_iter().flat_map(serde_json::Map::keys).skip(1).collect();
        if let [kind] = other.as_slice() {
            blocks.push(paragraph(format!(
                "With `Accept: {kind}` the response is a stream: see [Live events](/docs/events)."
            )));
        }
        let json = &content["application/json"];
        if json.is_object() {
            blocks
                .push(Block::Code(Code { language: "json".to_owned(), text: pretty_json(&json["example"]) }));
            blocks.push(heading(3, "Fields"));
            blocks.push(tables::response_fields(
                "Fields of the response",
                schema::list_fields(document, &json["schema"]),
            ));
            blocks.push(heading(3, "Headers"));
            blocks.push(tables::headers(document, answer));
        }
    }
    blocks
}

fn try_it_form(document: Document<'_>, operation: Operation<'_>) -> TryItForm {
    let of_place = |place: &'static str| {
        operation.parameters(place).into_iter().map(move |parameter| form_input(document, place, parameter))
    };
    let warning = operation
        .is_change()
        .then(|| format!("**This is a live request** that changes your data: {}", operation.description()));
    TryItForm {
        method: operation.method.to_uppercase(),
        path: operation.path.to_owned(),
        inputs: ["path", "query", "header"].into_iter().flat_map(of_place).collect(),
        body: operation.body_example().map(pretty_json),
        is_body_required: operation.body().is_some_and(|body| body["required"] == true),
        warning,
    }
}

fn form_input(document: Document<'_>, place: &'static str, parameter: &Value) -> FormInput {
    let schema = document.resolve(&parameter["schema"]);
    let values = schema["enum"].as_array().into_iter().flatten();
    FormInput {
        location: place,
        name: text(&parameter["name"]).to_owned(),
        is_required: parameter["required"] == true,
        hint: tables::parameter_description(document, parameter),
        values: values.map(|value| text(value).to_owned()).collect(),
    }
}

/// Renders JSON over several lines.
pub(crate) fn pretty_json(value: &Value) -> String {
    format!("{value:#}")
}
