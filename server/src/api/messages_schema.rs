//! The bodies of messages to an assistant, as the OpenAPI document describes them.

use reef_domain::messages::MessageRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The answer of an assistant.
#[derive(Serialize, ToSchema)]
pub struct MessageResponse {
    /// The answer.
    pub data: MessageRecord,
}

/// A message to an assistant.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct SendMessageRequest {
    /// What is said.
    #[schema(min_length = 1, max_length = 8000)]
    pub text: String,
    /// The conversation to continue. Without it, a new one begins.
    #[schema(nullable = false, format = Uuid)]
    pub conversation_id: Option<String>,
}
