//! The bodies of the endpoints for settings and people, as the OpenAPI document describes them. `reef_domain::settings_input`
//! parses requests; a test checks that the two agree.

use std::collections::BTreeMap;

use reef_domain::Timestamp;
use reef_domain::people::{Fact, Person};
use reef_domain::settings::{AccessMode, AuthorKind, GroupMode, SettingsChange, SettingsRecord};
use reef_service::people::OwnerLink;
use reef_service::settings::{RevisionAuthor, SettingsRevision};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The settings of an assistant.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettingsResponse {
    /// The settings with their revision.
    pub data: SettingsRecord,
}

/// The settings to change, at least one. What is left out keeps its value.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct UpdateSettingsRequest {
    /// What the assistant is for and how it should behave. An empty text clears it.
    #[schema(nullable = false, max_length = 8000)]
    pub instructions: Option<String>,
    /// The reply to `/start`. An empty text restores the standard greeting.
    #[schema(nullable = false, max_length = 1000)]
    pub greeting: Option<String>,
    /// The language of the answers, as a BCP 47 tag. An empty text means the language of the question.
    #[schema(nullable = false)]
    pub language: Option<String>,
    /// The IANA name of a time zone, such as `Europe/Berlin`.
    #[schema(nullable = false)]
    pub time_zone: Option<String>,
    /// Who may talk to the assistant.
    #[schema(nullable = false)]
    pub access: Option<UpdateAccess>,
    /// What the assistant may use.
    #[schema(nullable = false)]
    pub tools: Option<UpdateTools>,
    /// Replaces the list of MCP servers.
    #[schema(nullable = false, max_items = 10)]
    pub mcp_servers: Option<Vec<UpdateMcpServer>>,
    /// How much the assistant may spend.
    #[schema(nullable = false)]
    pub allowance: Option<UpdateAllowance>,
}

/// Who may talk to the assistant. What is left out keeps its value.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct UpdateAccess {
    /// Who may talk to it in private chats.
    #[schema(nullable = false)]
    pub mode: Option<AccessMode>,
    /// When it answers in groups.
    #[schema(nullable = false)]
    pub groups: Option<GroupMode>,
}

/// What the assistant may use. What is left out keeps its value.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct UpdateTools {
    /// Search the web.
    #[schema(nullable = false)]
    pub web_search: Option<bool>,
    /// Read web pages.
    #[schema(nullable = false)]
    pub read_pages: Option<bool>,
    /// Set reminders.
    #[schema(nullable = false)]
    pub reminders: Option<bool>,
    /// Remember facts.
    #[schema(nullable = false)]
    pub memory: Option<bool>,
}

/// An MCP server. It is the same server as before if the name is the same.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct UpdateMcpServer {
    /// The name of the server, unique in the list: 1–64 characters, no control characters.
    #[schema(min_length = 1)]
    pub name: String,
    /// The https URL of the server on a public host.
    #[schema(max_length = 2048)]
    pub url: String,
    /// Whether the assistant uses it. The default is true.
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
    /// Headers with their secret values, at most 20. Left out, the server keeps its headers; `{}` removes them.
    #[schema(nullable = false)]
    pub headers: Option<BTreeMap<String, String>>,
}

/// How much the assistant may spend. What is left out keeps its value.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct UpdateAllowance {
    /// US dollars on one day, greater than 0, with at most two decimals. An empty text removes the limit.
    #[schema(nullable = false)]
    pub per_day_usd: Option<String>,
    /// US dollars in one calendar month, greater than 0, with at most two decimals. An empty text removes the limit.
    #[schema(nullable = false)]
    pub per_month_usd: Option<String>,
}

/// Who made a revision.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevisionAuthorInfo {
    /// `key` if it was made with an API key, `session` if it was made in the dashboard.
    #[serde(rename = "type")]
    pub kind: AuthorKind,
    /// The ID of the API key, or of the account.
    #[schema(format = Uuid)]
    pub id: String,
    /// The name of the API key, or the email address of the account.
    pub name: String,
}

impl From<RevisionAuthor> for RevisionAuthorInfo {
    fn from(author: RevisionAuthor) -> Self {
        Self { kind: author.kind, id: author.id.to_string(), name: author.name }
    }
}

/// A revision of the settings.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevisionInfo {
    /// Increases by one with each change.
    pub revision: i64,
    /// When the revision was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who made it.
    pub author: RevisionAuthorInfo,
    /// The fields that differ from the revision before. Secrets are never included.
    pub changes: Vec<SettingsChange>,
}

impl From<SettingsRevision> for RevisionInfo {
    fn from(revision: SettingsRevision) -> Self {
        Self {
            revision: revision.revision,
            created_at: revision.created_at,
            author: revision.author.into(),
            changes: revision.changes,
        }
    }
}

/// The revisions of an assistant's settings.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevisionListResponse {
    /// The revisions, newest first.
    pub data: Vec<RevisionInfo>,
}

/// The people who have written to an assistant.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonListResponse {
    /// The people, newest first.
    pub data: Vec<Person>,
}

/// A person who has written to an assistant.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonResponse {
    /// The person.
    pub data: Person,
}

/// A link that makes the person who opens it first the owner.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnerLinkInfo {
    /// Opens the bot in Telegram. It works once.
    pub url: String,
    /// When the link stops working.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl From<OwnerLink> for OwnerLinkInfo {
    fn from(link: OwnerLink) -> Self {
        Self { url: link.url, expires_at: link.expires_at }
    }
}

/// A new owner link.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnerLinkResponse {
    /// The link.
    pub data: OwnerLinkInfo,
}

/// What an assistant was asked to remember.
#[derive(Debug, Serialize, ToSchema)]
pub struct FactListResponse {
    /// The facts, newest first.
    pub data: Vec<Fact>,
}
