//! The current settings of assistants.

use reef_domain::ids::AssistantId;
use reef_domain::settings::Settings as Behavior;
use reef_store::{StoreError, Tx};

/// The current settings of an assistant.
pub(super) async fn read_behavior(tx: &mut Tx, assistant: AssistantId) -> Result<Behavior, StoreError> {
    match tx.find_settings(assistant).await? {
        None => Ok(Behavior::default()),
        Some(row) => serde_json::from_str(&row.document)
            .map_err(|_| StoreError::corrupt("assistant_settings", assistant)),
    }
}
