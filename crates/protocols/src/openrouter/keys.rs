//! Key management, the `/keys` paths, which create the model keys of managed assistants.

use std::fmt;

use reef_domain::{Timestamp, Usd};
use reef_ports::{ManagedKey, ManagedKeyError, ManagedKeyInfo};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Envelope;
use crate::http::{HttpRequest, HttpResponse, Method, encode_segment};

/// The name in metrics and traces, which distinguishes these calls from those for answers.
const VENDOR: &str = "openrouter_keys";

const TIMEOUT_MS: u64 = 10_000;

/// The management API as the owner of a management key reaches it. Each method builds a request, which the function that its
/// documentation names reads the response of.
#[derive(Clone, Copy)]
pub struct KeysApi<'a> {
    base_url: &'a str,
    management_key: &'a str,
}

impl fmt::Debug for KeysApi<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeysApi").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl<'a> KeysApi<'a> {
    /// Uses a management key. `base_url` includes the version and has no trailing slash.
    pub fn new(base_url: &'a str, management_key: &'a str) -> Self {
        Self { base_url, management_key }
    }

    fn url(self, path: &str) -> String {
        format!("{}/{path}", self.base_url)
    }

    fn authorize(self, request: HttpRequest) -> HttpRequest {
        request.header("authorization", format!("Bearer {}", self.management_key))
    }

    /// Creates a key with a credit limit; see [`read_new_key`].
    pub fn create(self, name: &str, limit: Usd) -> HttpRequest {
        // `limit_reset` is not used, because its periods follow the calendar and not the subscription.
        let body = json!({"name": name, "limit": limit.dollars()});
        self.authorize(HttpRequest::post_json(VENDOR, self.url("keys"), &body, TIMEOUT_MS))
    }

    /// Lists one page of keys after `offset` others, disabled ones included; see [`read_key_page`].
    pub fn list(self, offset: usize) -> HttpRequest {
        let url = self.url(&format!("keys?include_disabled=true&offset={offset}"));
        self.authorize(HttpRequest::get(VENDOR, url, TIMEOUT_MS))
    }

    /// Sets a key's limit and whether it is disabled; see [`read_updated_key`].
    pub fn update(self, hash: &str, limit: Usd, disabled: bool) -> HttpRequest {
        let body = json!({"limit": limit.dollars(), "disabled": disabled});
        let request = HttpRequest::post_json(VENDOR, self.key_url(hash), &body, TIMEOUT_MS);
        self.authorize(HttpRequest { method: Method::Patch, ..request })
    }

    /// Deletes a key; see [`read_deletion`].
    pub fn delete(self, hash: &str) -> HttpRequest {
        let request = HttpRequest::get(VENDOR, self.key_url(hash), TIMEOUT_MS);
        self.authorize(HttpRequest { method: Method::Delete, ..request })
    }

    fn key_url(self, hash: &str) -> String {
        self.url(&format!("keys/{}", encode_segment(hash)))
    }
}

#[derive(Deserialize)]
struct CreatedKey {
    data: KeyHash,
    key: String,
}

#[derive(Deserialize)]
struct KeyHash {
    hash: String,
}

#[derive(Deserialize)]
struct ListedKey {
    hash: String,
    name: String,
    #[serde(default)]
    disabled: bool,
    limit: Option<f64>,
    usage: Option<f64>,
    created_at: Option<String>,
}

impl From<ListedKey> for ManagedKeyInfo {
    fn from(key: ListedKey) -> Self {
        let created_at = key.created_at.and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok());
        Self {
            hash: key.hash,
            name: key.name,
            disabled: key.disabled,
            limit: key.limit.map(Usd::from_dollars),
            used: key.usage.map(Usd::from_dollars).unwrap_or_default(),
            created_at: created_at.map(Timestamp::from),
        }
    }
}

/// Reads a key that was created.
///
/// # Errors
/// [`ManagedKeyError`] if it was not created, or the response could not be read.
pub fn read_new_key(response: &HttpResponse) -> Result<ManagedKey, ManagedKeyError> {
    let created: CreatedKey = parse_response(response, 201)?;
    Ok(ManagedKey { hash: created.data.hash, key: created.key.into() })
}

/// Reads one page of the list of keys.
///
/// # Errors
/// [`ManagedKeyError`] if the response is not a list of keys.
pub fn read_key_page(response: &HttpResponse) -> Result<Vec<ManagedKeyInfo>, ManagedKeyError> {
    let listed: Envelope<Vec<ListedKey>> = parse_response(response, 200)?;
    Ok(listed.data.into_iter().map(ManagedKeyInfo::from).collect())
}

/// Reads a key that was updated; `None` if there is no such key.
///
/// # Errors
/// [`ManagedKeyError`] if it was not updated, or the response could not be read.
pub fn read_updated_key(response: &HttpResponse) -> Result<Option<ManagedKeyInfo>, ManagedKeyError> {
    if response.status == 404 {
        return Ok(None);
    }
    let updated: Envelope<ListedKey> = parse_response(response, 200)?;
    Ok(Some(updated.data.into()))
}

/// Reads whether a key was deleted. An unknown key counts as deleted.
///
/// # Errors
/// [`ManagedKeyError`] if it was not deleted.
pub fn read_deletion(response: &HttpResponse) -> Result<(), ManagedKeyError> {
    match response.status {
        200 | 204 | 404 => Ok(()),
        status => Err(ManagedKeyError(format!("status {status}"))),
    }
}

fn parse_response<T: DeserializeOwned>(response: &HttpResponse, status: u16) -> Result<T, ManagedKeyError> {
    if response.status != status {
        return Err(ManagedKeyError(format!("status {}", response.status)));
    }
    serde_json::from_slice(&response.body)
        .map_err(|_| ManagedKeyError("the response could not be parsed".to_owned()))
}
