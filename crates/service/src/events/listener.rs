//! Notifications of other processes.

use std::time::Duration;

use reef_domain::ErrorChain;
use reef_store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::services::Services;

/// The pause before the connection for notifications is opened again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

impl Services {
    /// Forwards notifications of other processes to the event bus until `stop` is canceled. While it runs, keys and
    /// records are read from memory.
    pub async fn run_notification_listener(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let error = tokio::select! {
                () = stop.cancelled() => return,
                error = self.forward_notifications() => error,
            };
            tracing::warn!(error = %ErrorChain(&error), "notifications could not be received");
            drop(error);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RECONNECT_AFTER) => {}
            }
        }
    }

    /// Forwards notifications until one cannot be received.
    async fn forward_notifications(&self) -> StoreError {
        let mut listener = match self.store().listen().await {
            Ok(listener) => listener,
            Err(error) => return error,
        };
        // Notifications that were sent while nobody listened are lost.
        self.event_bus().on_notification(None);
        loop {
            match listener.next().await {
                Ok(received) => self.event_bus().on_notification(received),
                Err(error) => return error,
            }
        }
    }
}
