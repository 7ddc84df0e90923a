//! OpenRouter's key management, which creates the model keys of managed assistants. The formats are those of the
//! `/keys` paths in OpenRouter's OpenAPI document.

use std::time::Duration;

use async_trait::async_trait;
use reef_domain::{Timestamp, Usd};
use reef_ports::{ManagedKey, ManagedKeyError, ManagedKeyInfo, ManagedKeys};
use reef_protocols::HttpResponse;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::http::{Http, encode_segment};

const TIMEOUT: Duration = Duration::from_secs(10);

/// The client for OpenRouter's management API. Its `Debug` output hides the key.
#[derive(Clone, Debug)]
pub struct OpenRouterKeys {
    http: Http,
    base_url: String,
    management_key: SecretString,
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
struct Envelope<T> {
    data: T,
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

impl OpenRouterKeys {
    /// Creates a client with a management key. `base_url` includes the version and has no trailing slash:
    /// `https://openrouter.ai/api/v1`.
    #[must_use]
    pub fn new(http: Http, base_url: String, management_key: SecretString) -> Self {
        Self { http, base_url, management_key }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .client()
            .request(method, format!("{}/{path}", self.base_url))
            .bearer_auth(self.management_key.expose_secret())
    }

    async fn send(&self, request: RequestBuilder) -> Result<HttpResponse, ManagedKeyError> {
        self.http
            .send_to_vendor("openrouter_keys", request, TIMEOUT)
            .await
            .map_err(|error| ManagedKeyError(error.to_string()))
    }
}

#[async_trait]
impl ManagedKeys for OpenRouterKeys {
    async fn create(&self, name: &str, limit: Usd) -> Result<ManagedKey, ManagedKeyError> {
        // `limit_reset` is not used, because its periods follow the calendar and not the subscription.
        let body = json!({"name": name, "limit": limit.dollars()});
        let answer = self.send(self.request(Method::POST, "keys").json(&body)).await?;
        let created: CreatedKey = parse_response(&answer, 201)?;
        Ok(ManagedKey { hash: created.data.hash, key: created.key.into() })
    }

    async fn list(&self, offset: usize) -> Result<Vec<ManagedKeyInfo>, ManagedKeyError> {
        let path = format!("keys?include_disabled=true&offset={offset}");
        let answer = self.send(self.request(Method::GET, &path)).await?;
        let listed: Envelope<Vec<ListedKey>> = parse_response(&answer, 200)?;
        Ok(listed.data.into_iter().map(ManagedKeyInfo::from).collect())
    }

    async fn update(
        &self,
        hash: &str,
        limit: Usd,
        disabled: bool,
    ) -> Result<Option<ManagedKeyInfo>, ManagedKeyError> {
        let body = json!({"limit": limit.dollars(), "disabled": disabled});
        let path = format!("keys/{}", encode_segment(hash));
        let answer = self.send(self.request(Method::PATCH, &path).json(&body)).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let updated: Envelope<ListedKey> = parse_response(&answer, 200)?;
        Ok(Some(updated.data.into()))
    }

    async fn delete(&self, hash: &str) -> Result<(), ManagedKeyError> {
        let path = format!("keys/{}", encode_segment(hash));
        let answer = self.send(self.request(Method::DELETE, &path)).await?;
        match answer.status {
            200 | 204 | 404 => Ok(()),
            status => Err(ManagedKeyError(format!("status {status}"))),
        }
    }
}

fn parse_response<T: DeserializeOwned>(answer: &HttpResponse, status: u16) -> Result<T, ManagedKeyError> {
    if answer.status != status {
        return Err(ManagedKeyError(format!("status {}", answer.status)));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|_| ManagedKeyError("the response could not be parsed".to_owned()))
}
