//! The forms of an assistant's MCP servers. The API replaces the list of servers as a whole, so each form sends the current list with
//! its one change.

#![expect(
    clippy::too_many_arguments,
    reason = "server functions have an argument for each field of their form"
)]

use leptos::prelude::*;
use reef_domain::settings::{McpServer, SettingsRecord};
use reef_domain::{ErrorCode, Issue, settings_input};
use reef_service::{Caller, Services};
use serde_json::{Map, Value, json};

use crate::error::AppError;
use crate::flash::{Notice, redirect_with_notice};
use crate::secret::Secret;
use crate::server::{authenticate, run_form};

/// A server as a form gives it.
struct TypedServer {
    name: String,
    url: String,
    is_enabled: bool,
    /// Headers with new values.
    set: Vec<(String, Secret)>,
    /// The headers that keep their values.
    kept: Vec<String>,
}

/// Adds a server, which has no `original`, or changes one. Headers whose value is left empty keep the one they have.
#[server(prefix = "/_fn", endpoint = "save_mcp_server")]
pub async fn save_mcp_server(
    id: String,
    #[server(default)] original: String,
    #[server(default)] name: String,
    #[server(default)] url: String,
    #[server(default)] is_enabled: bool,
    #[server(default)] header_names: Vec<String>,
    #[server(default)] header_values: Vec<Secret>,
    #[server(default)] removed_headers: Vec<String>,
    #[server(default)] header_name: String,
    #[server(default)] header_value: Secret,
) -> Result<(), AppError> {
    let (enabled, removed) = (is_enabled.to_string(), removed_headers.join(" "));
    let values = [
        ("original", &*original),
        ("name", &name),
        ("url", &url),
        ("is_enabled", &enabled),
        ("removed_headers[]", &removed),
        ("header_name", &header_name),
    ];
    run_form(&values, async {
        let new_header = (header_name.trim(), header_value);
        require_whole_header(&new_header)?;
        let stays = |(name, _): &(String, Secret)| !removed_headers.contains(name);
        let (mut set, kept): (Vec<_>, Vec<_>) = header_names
            .into_iter()
            .zip(header_values)
            .filter(stays)
            .partition(|(_, value)| !value.expose().trim().is_empty());
        if !new_header.0.is_empty() {
            set.push((new_header.0.to_owned(), new_header.1));
        }
        let kept = kept.into_iter().map(|(name, _)| name).collect();
        let name = if original.is_empty() { name.clone() } else { original.clone() };
        let typed = TypedServer { name, url: url.trim().to_owned(), is_enabled, set, kept };
        let (services, caller) = authenticate().await?;
        let before = services.get_settings(&caller, &id).await?;
        let mut servers = before.mcp_servers.iter().map(unchanged).collect::<Vec<_>>();
        let position = before.mcp_servers.iter().position(|server| server.name == original);
        match position {
            Some(index) => servers[index] = typed.to_json(),
            None if original.is_empty() => servers.push(typed.to_json()),
            None => return Err(AppError::new(ErrorCode::NotFound, "This server was removed. Add it again.")),
        }
        let index = position.unwrap_or(before.mcp_servers.len());
        let kept = Some((&*typed.name, &*typed.kept));
        let saved = save(&services, &caller, &id, servers, kept).await;
        let after = saved.map_err(|error| at_fields(error, index, header_name.trim()))?;
        let is_changed = after.revision != before.revision;
        let notice = if is_changed { Notice::ServerSaved } else { Notice::NothingChanged };
        redirect_with_notice(&page_of(&id), notice).await
    })
    .await
}

/// Removes a server with its headers.
#[server(prefix = "/_fn", endpoint = "remove_mcp_server")]
pub async fn remove_mcp_server(id: String, name: String) -> Result<(), AppError> {
    run_form(&[("name", &name)], async {
        let (services, caller) = authenticate().await?;
        let before = services.get_settings(&caller, &id).await?;
        let rest = before.mcp_servers.iter().filter(|server| server.name != name);
        let rest = rest.map(unchanged).collect();
        save(&services, &caller, &id, rest, None).await?;
        redirect_with_notice(&page_of(&id), Notice::ServerRemoved).await
    })
    .await
}

fn page_of(id: &str) -> String {
    format!("/assistants/{id}/behavior#mcp")
}

/// A server in a change that leaves it as it is.
fn unchanged(server: &McpServer) -> Value {
    json!({"name": server.name, "url": server.url, "enabled": server.enabled})
}

impl TypedServer {
    fn to_json(&self) -> Value {
        let headers = self.set.iter().map(|(name, value)| (name.clone(), value.expose().trim().into()));
        let headers: Map<String, Value> = headers.collect();
        json!({"name": self.name, "url": self.url, "enabled": self.is_enabled, "headers": headers})
    }
}

/// Replaces the list of servers. `kept` is the server of which some headers keep their values, with their names.
async fn save(
    services: &Services,
    caller: &Caller,
    id: &str,
    servers: Vec<Value>,
    kept: Option<(&str, &[String])>,
) -> Result<SettingsRecord, AppError> {
    let body = Map::from_iter([("mcpServers".to_owned(), Value::Array(servers))]);
    let mut patch = settings_input::parse(body);
    if let (Ok(patch), Some((server, names))) = (&mut patch, kept) {
        patch.keep_headers(server.trim(), names);
    }
    Ok(services.update_settings(caller, id, patch).await?)
}

/// A new header needs a name and a value.
fn require_whole_header((name, value): &(&str, Secret)) -> Result<(), AppError> {
    let missing = match (name.is_empty(), value.expose().trim().is_empty()) {
        (true, false) => Issue::new("headerName", "required", "Enter the name of the header."),
        (false, true) => Issue::new("headerValue", "required", "Enter the value of the header."),
        _ => return Ok(()),
    };
    let mut error = AppError::new(ErrorCode::InvalidRequest, "Check the highlighted fields.");
    error.issues.push(missing);
    Err(error)
}

/// Moves the issues of the server at `index` of the list to the fields of its form. `new_header` is the name in the form's fields
/// for another header.
fn at_fields(mut error: AppError, index: usize, new_header: &str) -> AppError {
    let prefix = format!("mcpServers.{index}.");
    for issue in &mut error.issues {
        let Some(field) = issue.path.strip_prefix(&prefix).map(str::to_owned) else { continue };
        let Some(header) = field.strip_prefix("headers.") else {
            issue.path = field;
            continue;
        };
        if header != new_header {
            issue.message = format!("{header}: {}", issue.message);
            "headers".clone_into(&mut issue.path);
            continue;
        }
        // What is wrong with the characters of a value is said of the value.
        let is_value = issue.message.contains("visible ASCII");
        if is_value { "headerValue" } else { "headerName" }.clone_into(&mut issue.path);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issues_move_to_the_fields_of_their_form() {
        let body = json!({"mcpServers": [
            {"name": "a", "url": "https://a.example.com"},
            {"name": "", "url": "http://b.example.com", "headers": {"Host": "x", "New": "ä", "Old": "ö"}},
        ]});
        let body = body.as_object().cloned().expect("an object");
        let issues = settings_input::parse(body).err().expect("issues");
        let mut error = AppError::new(ErrorCode::InvalidRequest, "");
        error.issues = issues;
        let paths = |error: &AppError| -> Vec<String> {
            error.issues.iter().map(|issue| issue.path.clone()).collect()
        };
        let moved = at_fields(error.clone(), 1, "New");
        assert_eq!(paths(&moved), ["name", "url", "headers", "headerValue", "headers"]);
        assert!(moved.issues[4].message.starts_with("Old: "));
        assert_eq!(paths(&at_fields(error.clone(), 1, "Host"))[2], "headerName");
        assert_eq!(paths(&at_fields(error.clone(), 0, "New")), paths(&error));
    }
}
