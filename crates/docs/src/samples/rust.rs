//! Samples for Rust with reqwest.

use super::{Literals, Request};

const LITERALS: Literals = Literals { null: "null", yes: "true", no: "false", string };

/// Renders a string with `Debug`, whose output is a valid literal.
fn string(text: &str) -> String {
    format!("{text:?}")
}

pub(super) fn render(request: &Request) -> String {
    let (json, body) = match &request.body {
        Some(body) => ("{Value, json}", format!("        .json(&json!({}))\n", LITERALS.render(body, 2))),
        None => ("Value", String::new()),
    };
    format!(
        "// cargo add reqwest --features json; cargo add serde_json; cargo add tokio --features full\n\
         use serde_json::{json};\n\
         \n\
         #[tokio::main]\n\
         async fn main() -> Result<(), Box<dyn std::error::Error>> {{\n\
         \x20   let response = reqwest::Client::new()\n\
         \x20       .{}({})\n\
         \x20       .header(\"X-API-Key\", std::env::var(\"REEF_API_KEY\")?)\n\
         {body}\x20       .send()\n\
         \x20       .await?;\n\
         \x20   println!(\"{{}}\", response.status());\n\
         \x20   println!(\"{{:#}}\", response.json::<Value>().await?);\n\
         \x20   Ok(())\n\
         }}",
        request.method.to_ascii_lowercase(),
        string(&request.url),
    )
}
