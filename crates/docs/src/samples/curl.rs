//! Samples for a POSIX shell with curl.

use super::Request;
use crate::reference::pretty_json;

pub(super) fn render(request: &Request) -> String {
    let method = if request.method == "GET" { String::new() } else { format!("-X {} ", request.method) };
    let mut lines = vec![
        format!("curl {method}{}", quoted(&request.url)),
        "  -H \"X-API-Key: $REEF_API_KEY\"".to_owned(),
    ];
    if let Some(body) = &request.body {
        lines.push("  -H \"Content-Type: application/json\"".to_owned());
        lines.push(format!("  -d {}", quoted(&pretty_json(body))));
    }
    lines.join(" \\\n")
}

/// Quotes a text for a shell, which expands nothing inside.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
