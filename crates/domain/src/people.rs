//! The people who write to an assistant, and what they may do.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;
use crate::wire::wire_enum;

/// How the code of an owner link begins. Telegram allows letters, digits, `_` and `-` in it.
pub const OWNER_CODE_PREFIX: &str = "owner_";
/// What the codes of owner links are hashed for.
pub const OWNER_CODE_PURPOSE: &str = "reef owner link";

wire_enum! {
    /// What a person may do.
    Role {
        /// Owns the assistant in Telegram; there is at most one.
        Owner = "owner",
        /// May talk to the assistant.
        Approved = "approved",
        /// Has written and waits for the owner's approval.
        Requested = "requested",
        /// May not talk to the assistant.
        Blocked = "blocked",
    }
}

/// A person who has written to an assistant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// The ID of the person at this assistant.
    #[cfg_attr(feature = "openapi", schema(format = Uuid))]
    pub id: String,
    /// The person's user ID at Telegram.
    pub telegram_user_id: i64,
    /// The name that the person uses at Telegram.
    pub name: String,
    /// The person's username at Telegram, without the @.
    pub username: Option<String>,
    /// What the person may do.
    pub role: Role,
    /// When the person wrote first.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub first_seen_at: Timestamp,
    /// When the person wrote last.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub last_seen_at: Timestamp,
}

/// Something that an assistant was asked to remember.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// The ID of the fact.
    #[cfg_attr(feature = "openapi", schema(format = Uuid))]
    pub id: String,
    /// The conversation that the fact belongs to.
    #[cfg_attr(feature = "openapi", schema(format = Uuid))]
    pub conversation_id: String,
    /// What to remember.
    pub text: String,
    /// When the assistant was asked to remember it.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
}
