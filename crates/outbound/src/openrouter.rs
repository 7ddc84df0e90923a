//! OpenRouter's key management: the model keys of managed assistants. (Shapes: OpenRouter's OpenAPI document, `/keys`.)

use std::time::Duration;

use async_trait::async_trait;
use reef_assistant::HttpResponse;
use reef_service::ports::{ManagedKey, ManagedKeyError, ManagedKeys};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::http::{Http, segment};

const TIMEOUT: Duration = Duration::from_secs(10);

/// How many keys a page of the list holds.
const PAGE: usize = 100;

/// How many pages are looked through for a leftover. The list is newest first, and a leftover is of minutes ago.
const PAGES_MAX: usize = 10;

/// OpenRouter's management API. Its `Debug` hides the key.
#[derive(Clone, Debug)]
pub struct OpenRouterKeys {
    http: Http,
    base_url: String,
    management_key: SecretString,
}

#[derive(Deserialize)]
struct Created {
    data: Listed,
    key: String,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    hash: String,
    name: String,
}

impl OpenRouterKeys {
    /// OpenRouter at `base_url` (with its version, no trailing slash: `https://openrouter.ai/api/v1`), with a
    /// management key.
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
        self.http.vendor(request, TIMEOUT).await.map_err(|error| ManagedKeyError(error.to_string()))
    }

    /// Ends keys of that name: their values were shown once, to a try whose answer was lost.
    async fn delete_leftovers(&self, name: &str) -> Result<(), ManagedKeyError> {
        let mut leftovers = Vec::new();
        for page in 0..PAGES_MAX {
            let path = format!("keys?include_disabled=true&offset={}", page * PAGE);
            let answer = self.send(self.request(Method::GET, &path)).await?;
            let listed: List = read(&answer, 200)?;
            let is_last = listed.data.len() < PAGE;
            leftovers.extend(listed.data.into_iter().filter(|key| key.name == name));
            if is_last {
                break;
            }
        }
        for leftover in leftovers {
            self.delete(&leftover.hash).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl ManagedKeys for OpenRouterKeys {
    async fn create(&self, name: &str, limit_usd: f64) -> Result<ManagedKey, ManagedKeyError> {
        self.delete_leftovers(name).await?;
        // No `limit_reset`: its periods are the calendar's, not the subscription's.
        let body = json!({"name": name, "limit": limit_usd});
        let answer = self.send(self.request(Method::POST, "keys").json(&body)).await?;
        let created: Created = read(&answer, 201)?;
        Ok(ManagedKey { hash: created.data.hash, key: created.key.into() })
    }

    async fn delete(&self, hash: &str) -> Result<(), ManagedKeyError> {
        let path = format!("keys/{}", segment(hash));
        let answer = self.send(self.request(Method::DELETE, &path)).await?;
        match answer.status {
            200 | 204 | 404 => Ok(()),
            status => Err(ManagedKeyError(format!("status {status}"))),
        }
    }
}

fn read<T: DeserializeOwned>(answer: &HttpResponse, status: u16) -> Result<T, ManagedKeyError> {
    if answer.status != status {
        return Err(ManagedKeyError(format!("status {}", answer.status)));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|_| ManagedKeyError("the answer was not understood".to_owned()))
}
