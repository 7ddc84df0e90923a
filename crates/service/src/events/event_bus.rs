//! The event bus: changes for subscribers in this process, and notifications to and from other processes by PostgreSQL.

use std::time::Duration;

use reef_domain::ErrorChain;
use reef_domain::ids::{AssistantId, UserId};
use reef_store::{NotificationListener, StoreError, Tx};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use crate::services::Services;

/// How many changes a subscriber may lag behind before it has to reload.
const BACKLOG: usize = 1024;
/// The pause before the connection for notifications is opened again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);
/// The notification that there are new jobs.
pub(crate) const NEW_JOBS: &str = "work";

/// An assistant has changed. Subscribers read its new state themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssistantChange {
    /// The owner of the assistant.
    pub user_id: UserId,
    /// The assistant that has changed.
    pub assistant_id: AssistantId,
}

/// What subscribers of the event bus receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// One assistant has changed.
    Assistant(AssistantChange),
    /// An API key of this user was revoked, or a session ended. Streams of the user check whether they may stay open.
    AccessRevoked(UserId),
    /// Changes may have been lost: reload.
    Resync,
}

/// The notification that a user's access was revoked. It has the form of an assistant's change, with `-` for the
/// assistant.
pub(crate) fn access_notification(user: UserId) -> String {
    format!("{user} -")
}

fn parse_access_notification(text: &str) -> Option<UserId> {
    UserId::parse(text.strip_suffix(" -")?)
}

impl AssistantChange {
    /// The text of this change's notification.
    pub(crate) fn notification(&self) -> String {
        format!("{} {}", self.user_id, self.assistant_id)
    }

    fn parse(text: &str) -> Option<Self> {
        let (user, assistant) = text.split_once(' ')?;
        Some(Self { user_id: UserId::parse(user)?, assistant_id: AssistantId::parse(assistant)? })
    }
}

/// Publishes changes to subscribers, and wakes the job runner.
#[derive(Debug)]
pub struct EventBus {
    changes: broadcast::Sender<Change>,
    new_jobs: Notify,
    closing: CancellationToken,
}

impl Default for EventBus {
    fn default() -> Self {
        Self {
            changes: broadcast::channel(BACKLOG).0,
            new_jobs: Notify::new(),
            closing: CancellationToken::new(),
        }
    }
}

impl EventBus {
    /// Publishes a change. It is dropped when there are no subscribers.
    pub fn publish(&self, change: AssistantChange) {
        drop(self.changes.send(Change::Assistant(change)));
    }

    /// Has all streams of this user check whether they may stay open.
    pub(crate) fn publish_access_revoked(&self, user: UserId) {
        drop(self.changes.send(Change::AccessRevoked(user)));
    }

    /// Has all subscribers reload.
    pub fn publish_resync(&self) {
        drop(self.changes.send(Change::Resync));
    }

    /// Subscribes to changes from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Wakes the job runner: there are new jobs.
    pub fn wake_job_runner(&self) {
        self.new_jobs.notify_one();
    }

    /// Waits until the job runner is woken.
    pub async fn wait_for_jobs(&self) {
        self.new_jobs.notified().await;
    }

    /// Ends all waiting, because the process shuts down.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Is canceled when the process shuts down.
    #[must_use]
    pub const fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    fn on_notification(&self, text: &str) {
        if text == NEW_JOBS {
            self.wake_job_runner();
        } else if let Some(change) = AssistantChange::parse(text) {
            self.publish(change);
        } else if let Some(user) = parse_access_notification(text) {
            self.publish_access_revoked(user);
        } else {
            // A newer version of Reef may send notifications that this version does not know.
            self.publish_resync();
        }
    }
}

/// Waits until an assistant of the user has changed or may have changed, or access of the user was revoked. With
/// `None`, any of the user's assistants counts.
pub async fn wait_for_change(
    changes: &mut broadcast::Receiver<Change>,
    user: UserId,
    assistant: Option<AssistantId>,
) {
    loop {
        match changes.recv().await {
            Ok(Change::Assistant(change)) => {
                if change.user_id == user && assistant.is_none_or(|id| id == change.assistant_id) {
                    return;
                }
            }
            Ok(Change::AccessRevoked(of)) if of == user => return,
            Ok(Change::AccessRevoked(_)) => {}
            Ok(Change::Resync) | Err(broadcast::error::RecvError::Lagged(_)) => return,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Services {
    /// Commits a transaction that revokes a key or ends a session of a user, and notifies every process, so that open
    /// streams end at once. On SQLite only this process is notified; streams of others check within a minute.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn commit_access_revoked(&self, mut tx: Tx, user: UserId) -> Result<(), StoreError> {
        tx.notify(&access_notification(user)).await?;
        tx.commit().await?;
        self.event_bus().publish_access_revoked(user);
        Ok(())
    }

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
        self.event_bus().publish_resync();
        self.event_bus().wake_job_runner();
        loop {
            self.forward_notification(&mut listener).await?;
        }
    }

    async fn forward_notification(&self, listener: &mut NotificationListener) -> Result<(), StoreError> {
        if let Some(text) = listener.next().await? {
            self.event_bus().on_notification(&text);
        } else {
            self.event_bus().publish_resync();
            self.event_bus().wake_job_runner();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notification_round_trip_publishes_change() {
        let uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
        let change = AssistantChange {
            user_id: UserId::parse(uuid).unwrap(),
            assistant_id: AssistantId::parse(uuid).unwrap(),
        };
        assert_eq!(AssistantChange::parse(&change.notification()), Some(change));
        let hub = EventBus::default();
        let mut changes = hub.subscribe();
        hub.on_notification(&change.notification());
        hub.on_notification(&access_notification(change.user_id));
        hub.on_notification("something new");
        assert_eq!(changes.try_recv(), Ok(Change::Assistant(change)));
        assert_eq!(changes.try_recv(), Ok(Change::AccessRevoked(change.user_id)));
        assert_eq!(changes.try_recv(), Ok(Change::Resync));
    }
}
