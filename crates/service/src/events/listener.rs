//! Notifications to and from other processes, by PostgreSQL.

use std::time::Duration;

use reef_domain::ErrorChain;
use reef_store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::services::Services;

/// The pause before the connection for notifications is opened again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

impl Services {
    /// Forwards notifications of other processes to the event bus until `stop` is canceled. SQLite has no
    /// notifications, so it returns at once there.
    pub async fn run_notification_listener(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let result = tokio::select! {
                () = stop.cancelled() => return,
                result = self.forward_notifications() => result,
            };
            match result {
                Ok(()) => return,
                Err(error) => {
                    let error = tracing::field::display(ErrorChain(&error));
                    tracing::warn!(error, "notifications could not be received");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RECONNECT_AFTER) => {}
            }
        }
    }

    async fn forward_notifications(&self) -> Result<(), StoreError> {
        let Some(mut listener) = self.store().listen().await? else { return Ok(()) };
        // Notifications that were sent while nobody listened are lost.
        self.event_bus().on_notification(None);
        loop {
            let received = listener.next().await?;
            self.event_bus().on_notification(received);
        }
    }
}
