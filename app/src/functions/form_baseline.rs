//! The values that an edit form was rendered with. A field that differs from them was changed in the form; every other field may
//! have been changed elsewhere in the meantime, and is left alone.

use reef_domain::ErrorCode;
use reef_domain::wire::AssistantRecord;
use reef_service::Error;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// The name of the form's hidden field.
pub(crate) const FIELD: &str = "baseline";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FormBaseline {
    pub name: String,
    /// The value of the model field.
    pub model: String,
    /// The webhook URL; empty when none is set.
    pub callback_url: String,
}

impl FormBaseline {
    /// The baseline of a record; `model` is the value of its model field.
    pub(crate) fn of(record: &AssistantRecord, model: String) -> Self {
        let callback_url = record.user_callback_url.clone().unwrap_or_default();
        Self { name: record.name.clone(), model, callback_url }
    }

    pub(crate) fn to_json(&self) -> Result<String, AppError> {
        Ok(serde_json::to_string(self).map_err(Error::internal)?)
    }

    pub(crate) fn from_json(text: &str) -> Result<Self, AppError> {
        let broken = |_| AppError::new(ErrorCode::InvalidRequest, "Something’s missing. Reload the page.");
        serde_json::from_str(text).map_err(broken)
    }
}
