//! The list of all endpoints, which several tests iterate over.

use serde_json::{Value, json};

use crate::support::{activation, bot_token};

#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    pub method: &'static str,
    /// The path as in the OpenAPI document.
    pub path: &'static str,
    /// The scope that the endpoint requires.
    pub scope: &'static str,
}

const fn endpoint(method: &'static str, path: &'static str, scope: &'static str) -> Endpoint {
    Endpoint { method, path, scope }
}

/// All endpoints. A test in `openapi` compares the list with the document.
pub const ENDPOINTS: [Endpoint; 29] = [
    endpoint("POST", "/api/v1/assistants/purchase", "write"),
    endpoint("GET", "/api/v1/assistants", "read"),
    endpoint("GET", "/api/v1/assistants/{deploymentId}", "read"),
    endpoint("PATCH", "/api/v1/assistants/{deploymentId}", "write"),
    endpoint("DELETE", "/api/v1/assistants/{deploymentId}", "write"),
    endpoint("POST", "/api/v1/assistants/{deploymentId}/activate", "write"),
    endpoint("GET", "/api/v1/assistants/{deploymentId}/status", "read"),
    endpoint("GET", "/api/v1/assistants/{deploymentId}/health", "read"),
    endpoint("POST", "/api/v1/assistants/{deploymentId}/redeploy", "write"),
    endpoint("POST", "/api/v1/assistants/{deploymentId}/stop", "write"),
    endpoint("GET", "/api/v1/assistants/{deploymentId}/settings", "read"),
    endpoint("PATCH", "/api/v1/assistants/{deploymentId}/settings", "write"),
    endpoint("GET", "/api/v1/assistants/{deploymentId}/settings/revisions", "read"),
    endpoint("POST", "/api/v1/assistants/{deploymentId}/settings/revisions/{revision}/restore", "write"),
    endpoint("GET", "/api/v1/assistants/{deploymentId}/people", "read"),
    endpoint("POST", "/api/v1/assistants/{deploymentId}/people/{personId}/approve", "write"),
    endpoint("POST", "/api/v1/assistants/{deploymentId}/people/{personId}/block", "write"),
    endpoint("DELETE", "/api/v1/assistants/{deploymentId}/people/{personId}", "write"),
    endpoint("POST", "/api/v1/assistants/{deploymentId}/owner-link", "write"),
    endpoint("GET", "/api/v1/assistants/{deploymentId}/facts", "read"),
    endpoint("DELETE", "/api/v1/assistants/{deploymentId}/facts/{factId}", "write"),
    endpoint("POST", "/api/v1/assistants/{deploymentId}/messages", "write"),
    endpoint("GET", "/api/v1/assistants/{deploymentId}/usage", "read"),
    endpoint("GET", "/api/v1/assistants/{deploymentId}/events", "read"),
    endpoint("GET", "/api/v1/assistants/{deploymentId}/callbacks", "read"),
    endpoint("POST", "/api/v1/assistants/{deploymentId}/callbacks/{deliveryId}/redeliver", "write"),
    endpoint("POST", "/api/v1/assistants/{deploymentId}/callbacks/test", "write"),
    endpoint("GET", "/api/v1/models", "read"),
    endpoint("GET", "/api/v1/me", ANY),
];

/// Stands for endpoints that require no scope.
pub const ANY: &str = "any";

impl Endpoint {
    /// The endpoints with an assistant's id in their path.
    pub fn with_assistant_id() -> impl Iterator<Item = Self> {
        ENDPOINTS.into_iter().filter(|endpoint| endpoint.path.contains("{deploymentId}"))
    }

    /// The path with the placeholders replaced by an id.
    pub fn at(self, id: &str) -> String {
        let path = self.path.replace("{deploymentId}", id).replace("{deliveryId}", id);
        path.replace("{personId}", id).replace("{factId}", id).replace("{revision}", "1")
    }

    pub fn has_body(self) -> bool {
        self.method != "GET"
    }

    /// A valid body, or null for endpoints without one.
    pub fn good_body(self) -> Value {
        match self.path.rsplit('/').next() {
            Some("purchase") => json!({"apiMode": "byok"}),
            Some("messages") => json!({"text": "hello"}),
            Some("activate") => activation(&bot_token("ok")),
            Some("settings") if self.method == "PATCH" => json!({"instructions": "Be brief."}),
            Some("{deploymentId}") if self.method == "PATCH" => json!({"name": "x"}),
            _ => Value::Null,
        }
    }
}
