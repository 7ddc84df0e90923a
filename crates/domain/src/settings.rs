//! The settings of an assistant: how it behaves and who may talk to it. They can change at any time, without a deployment.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::timestamp::Timestamp;
use crate::wire::wire_enum;

/// The maximum length of the instructions, in characters.
pub const INSTRUCTIONS_MAX: usize = 8_000;
/// The maximum length of the greeting, in characters.
pub const GREETING_MAX: usize = 1_000;
/// The maximum number of MCP servers.
pub const MCP_SERVERS_MAX: usize = 10;

wire_enum! {
    /// Who may talk to an assistant in private chats.
    AccessMode {
        /// The owner only.
        Owner = "owner",
        /// The owner, and people who the owner has approved.
        Approved = "approved",
        /// Everyone.
        Anyone = "anyone",
    }
}

wire_enum! {
    /// When an assistant answers in groups.
    GroupMode {
        /// Never.
        Off = "off",
        /// When it is mentioned or replied to.
        Mention = "mention",
        /// Every message.
        All = "all",
    }
}

wire_enum! {
    /// How a revision of the settings was made.
    AuthorKind {
        /// With an API key.
        Key = "key",
        /// In the dashboard.
        Session = "session",
    }
}

/// The settings of an assistant. A field that is missing in JSON has its default, so that stored settings remain readable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// What the assistant is for and how it should behave, for the model.
    pub instructions: Option<String>,
    /// The reply to `/start`.
    pub greeting: Option<String>,
    /// The language of the answers, as a BCP 47 tag. `None`: the language of the question.
    pub language: Option<String>,
    /// The IANA name of the time zone of days and reminders.
    pub time_zone: String,
    /// Who may talk to the assistant.
    pub access: Access,
    /// What the assistant may use.
    pub tools: Tools,
    /// Remote servers whose tools the assistant may use.
    pub mcp_servers: Vec<McpServer>,
    /// How much the assistant may spend.
    pub allowance: Allowance,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            instructions: None,
            greeting: None,
            language: None,
            time_zone: "UTC".to_owned(),
            access: Access::default(),
            tools: Tools::default(),
            mcp_servers: Vec::new(),
            allowance: Allowance::default(),
        }
    }
}

/// Who may talk to an assistant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Access {
    /// Who may talk to it in private chats.
    pub mode: AccessMode,
    /// When it answers in groups.
    pub groups: GroupMode,
}

impl Default for Access {
    fn default() -> Self {
        Self { mode: AccessMode::Approved, groups: GroupMode::Mention }
    }
}

/// What an assistant may use. Each tool can be turned off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Tools {
    /// Search the web.
    pub web_search: bool,
    /// Read web pages.
    pub read_pages: bool,
    /// Set reminders.
    pub reminders: bool,
    /// Remember facts.
    pub memory: bool,
}

impl Default for Tools {
    fn default() -> Self {
        Self { web_search: true, read_pages: true, reminders: true, memory: true }
    }
}

/// A remote server whose tools an assistant may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpServer {
    /// The name of the server, unique among the servers of the assistant.
    pub name: String,
    /// The https URL of the server.
    pub url: String,
    /// The names of the headers that are sent to it. Their values are secret.
    #[serde(default)]
    pub header_names: Vec<String>,
    /// Whether the assistant uses it.
    pub enabled: bool,
}

/// How much an assistant may spend, in US dollars with two decimals. `null`: as much as it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Allowance {
    /// At most this much on one day.
    pub per_day_usd: Option<String>,
    /// At most this much in one calendar month.
    pub per_month_usd: Option<String>,
}

/// The settings as the API returns them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Settings))]
#[serde(rename_all = "camelCase")]
pub struct SettingsRecord {
    /// What the assistant is for and how it should behave; part of every request to the model.
    pub instructions: Option<String>,
    /// The reply to `/start`. `null`: a standard greeting.
    pub greeting: Option<String>,
    /// The language of the answers, as a BCP 47 tag. `null`: the language of the question.
    pub language: Option<String>,
    /// The IANA name of the time zone of days and reminders.
    pub time_zone: String,
    /// Who may talk to the assistant.
    pub access: Access,
    /// What the assistant may use.
    pub tools: Tools,
    /// Remote servers whose tools the assistant may use.
    pub mcp_servers: Vec<McpServer>,
    /// How much the assistant may spend.
    pub allowance: Allowance,
    /// Increases by one with each change.
    pub revision: i64,
    /// When the settings last changed.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub updated_at: Timestamp,
}

impl SettingsRecord {
    /// The settings with their revision and the time of their last change.
    #[must_use]
    pub fn new(settings: Settings, revision: i64, updated_at: Timestamp) -> Self {
        Self {
            instructions: settings.instructions,
            greeting: settings.greeting,
            language: settings.language,
            time_zone: settings.time_zone,
            access: settings.access,
            tools: settings.tools,
            mcp_servers: settings.mcp_servers,
            allowance: settings.allowance,
            revision,
            updated_at,
        }
    }
}

/// One changed field of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettingsChange {
    /// The field, such as `access.mode`.
    pub path: String,
    /// Its value before the change.
    pub from: Value,
    /// Its value after the change.
    pub to: Value,
}

/// Lists the fields that differ, in the order of the settings. Lists are compared as a whole.
#[must_use]
pub fn differences(before: &Settings, after: &Settings) -> Vec<SettingsChange> {
    let json = |settings| serde_json::to_value(settings).unwrap_or_default();
    let mut changes = Vec::new();
    collect_differences("", json(before), json(after), &mut changes);
    changes
}

fn collect_differences(path: &str, before: Value, after: Value, changes: &mut Vec<SettingsChange>) {
    match (before, after) {
        (Value::Object(mut before), Value::Object(after)) => {
            for (key, to) in after {
                let from = before.shift_remove(&key).unwrap_or_default();
                let path = if path.is_empty() { key } else { format!("{path}.{key}") };
                collect_differences(&path, from, to, changes);
            }
        }
        (from, to) if from != to => changes.push(SettingsChange { path: path.to_owned(), from, to }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stored_settings_without_a_field_have_its_default() {
        let stored: Settings = serde_json::from_value(json!({"access": {"mode": "anyone"}})).unwrap();
        let access = Access { mode: AccessMode::Anyone, groups: GroupMode::Mention };
        assert_eq!(stored, Settings { access, ..Settings::default() });
    }

    #[test]
    fn differences_name_each_changed_field() {
        let before = Settings::default();
        let mut after = Settings { language: Some("de".to_owned()), ..Settings::default() };
        after.access.mode = AccessMode::Owner;
        after.tools.memory = false;
        let found: Vec<_> = differences(&before, &after)
            .into_iter()
            .map(|change| (change.path, change.from, change.to))
            .collect();
        assert_eq!(
            found,
            [
                ("language".to_owned(), json!(null), json!("de")),
                ("access.mode".to_owned(), json!("approved"), json!("owner")),
                ("tools.memory".to_owned(), json!(true), json!(false)),
            ]
        );
        assert_eq!(differences(&after, &after), []);
    }
}
