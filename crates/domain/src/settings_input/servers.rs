//! The MCP servers in a change of settings.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::callback_url;
use crate::error::Issue;
use crate::input::{Fields, Parsed};
use crate::settings::MCP_SERVERS_MAX;
use crate::validation;

/// The maximum length of a server's name, in characters.
const SERVER_NAME_MAX: usize = 64;
/// The maximum number of headers of a server.
const HEADERS_MAX: usize = 20;
/// The maximum length of a header's name or value, in bytes.
const HEADER_MAX: usize = 4_096;
/// Headers that a client sets for the connection; a request with another value would be malformed.
const RESERVED_HEADERS: [&str; 6] =
    ["host", "content-length", "content-type", "connection", "transfer-encoding", "accept"];

/// An MCP server in a change.
pub(super) struct McpServerInput {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) enabled: bool,
    /// `None` keeps the headers that the server has.
    pub(super) headers: Option<BTreeMap<String, String>>,
    /// Names of headers that keep the values they have, in addition to `headers`.
    pub(super) kept_headers: Vec<String>,
}

impl McpServerInput {
    /// The secret headers after the change, of those that the server has.
    pub(super) fn headers_after(
        headers: Option<BTreeMap<String, String>>,
        kept: &[String],
        mut old: BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let Some(mut new) = headers else { return old };
        old.retain(|name, _| kept.contains(name) && !new.contains_key(name));
        new.extend(old);
        new
    }
}

/// Removes the list of MCP servers and parses each.
pub(super) fn servers(fields: &mut Fields) -> Option<Vec<McpServerInput>> {
    const KEY: &str = "mcpServers";
    let Value::Array(items) = fields.map.shift_remove(KEY)? else {
        fields.issues.push(Issue::new(KEY, "invalid_type", "This must be a list."));
        return None;
    };
    if items.len() > MCP_SERVERS_MAX {
        let message = format!("There can be at most {MCP_SERVERS_MAX} servers.");
        fields.issues.push(Issue::new(KEY, "too_many", message));
        return None;
    }
    let mut names = BTreeSet::new();
    let mut servers = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let path = format!("{KEY}.{index}");
        let Value::Object(map) = item else {
            fields.issues.push(Issue::new(&path, "invalid_type", "This must be an object."));
            continue;
        };
        match server(map) {
            Ok(server) if !names.insert(server.name.clone()) => {
                let message = "Another server in this list has the same name.";
                fields.issues.push(Issue::new(&format!("{path}.name"), "duplicate", message));
            }
            Ok(server) => servers.push(server),
            Err(issues) => {
                let below = |issue: Issue| Issue { path: format!("{path}.{}", issue.path), ..issue };
                fields.issues.extend(issues.into_iter().map(below));
            }
        }
    }
    Some(servers)
}

fn server(map: Map<String, Value>) -> Parsed<McpServerInput> {
    let mut fields = Fields::new(map);
    if fields.map.shift_remove("headerNames").is_some() {
        let message = "This is read-only. Send headers with their values, or leave both out to keep them.";
        fields.issues.push(Issue::new("headerNames", "read_only", message));
    }
    let name = fields.required("name", |path, text| validation::name_up_to(path, text, SERVER_NAME_MAX));
    let url = fields.required("url", callback_url::validate);
    let enabled = fields.boolean("enabled").unwrap_or(true);
    let headers = match fields.map.shift_remove("headers") {
        None => None,
        Some(Value::Object(map)) => Some(headers(map, &mut fields.issues)),
        Some(_) => {
            fields.issues.push(Issue::new("headers", "invalid_type", "This must be an object."));
            None
        }
    };
    let server = name.zip(url).map(|(name, url)| McpServerInput {
        name,
        url,
        enabled,
        headers,
        kept_headers: Vec::new(),
    });
    fields.finish(server)
}

fn headers(map: Map<String, Value>, issues: &mut Vec<Issue>) -> BTreeMap<String, String> {
    if map.len() > HEADERS_MAX {
        let message = format!("There can be at most {HEADERS_MAX} headers.");
        issues.push(Issue::new("headers", "too_many", message));
        return BTreeMap::new();
    }
    let mut headers = BTreeMap::new();
    for (name, value) in map {
        let path = format!("headers.{name}");
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || name.len() > HEADER_MAX || !name.bytes().all(is_token) {
            issues.push(Issue::new(&path, "invalid_characters", "This is not a valid header name."));
        } else if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            issues.push(Issue::new(&path, "reserved", "This header is set by Reef."));
        } else if let Value::String(value) = value {
            let is_visible = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            if value.len() > HEADER_MAX || !is_visible || value.trim() != value || value.is_empty() {
                let message = "Use 1–4096 visible ASCII characters.";
                issues.push(Issue::new(&path, "invalid_characters", message));
            } else {
                headers.insert(name, value);
            }
        } else {
            issues.push(Issue::new(&path, "invalid_type", "This must be a string."));
        }
    }
    headers
}
