//! What an edit form was drawn from. What differs from that is what its sender has changed: all else may have been changed
//! elsewhere meanwhile, and stays so.

use reef_domain::ErrorCode;
use reef_domain::wire::AssistantRecord;
use reef_service::Error;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// The form's hidden field.
pub const FIELD: &str = "drawn";

/// The values that the form's fields had at first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawn {
    /// The name.
    pub name: String,
    /// What the model field said.
    pub model: String,
    /// The callback URL; empty when there was none.
    pub callback_url: String,
}

impl Drawn {
    /// Of a record; `model` is what the model field says of it.
    pub fn of(record: &AssistantRecord, model: String) -> Self {
        let callback_url = record.user_callback_url.clone().unwrap_or_default();
        Self { name: record.name.clone(), model, callback_url }
    }

    /// As the field's value.
    ///
    /// # Errors
    /// [`AppError`] when it cannot be written.
    pub fn to_json(&self) -> Result<String, AppError> {
        Ok(serde_json::to_string(self).map_err(Error::internal)?)
    }

    /// Read from the field's value.
    ///
    /// # Errors
    /// [`AppError`] when it is something else.
    pub fn from_json(text: &str) -> Result<Self, AppError> {
        let broken =
            |_| AppError::new(ErrorCode::InvalidRequest, "The form is not complete. Load the page again.");
        serde_json::from_str(text).map_err(broken)
    }
}
