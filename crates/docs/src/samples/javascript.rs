//! Samples for Node.js with fetch.

use super::{Literals, Request, json_string};

const LITERALS: Literals = Literals { null: "null", yes: "true", no: "false", string: json_string };

pub(super) fn render(request: &Request) -> String {
    let mut options = String::new();
    if request.method != "GET" {
        options.push_str(&format!("    method: {},\n", json_string(&request.method)));
    }
    let kind = if request.body.is_some() { ", \"Content-Type\": \"application/json\"" } else { "" };
    options.push_str(&format!("    headers: {{ \"X-API-Key\": process.env.REEF_API_KEY{kind} }},\n"));
    if let Some(body) = &request.body {
        options.push_str(&format!("    body: JSON.stringify({}),\n", LITERALS.render(body, 1)));
    }
    format!(
        "const response = await fetch({}, {{\n{options}}});\n\
         console.log(response.status, await response.json());",
        json_string(&request.url),
    )
}
