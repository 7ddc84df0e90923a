//! The event bus: changes for subscribers in this process.

use reef_domain::ids::{AssistantId, UserId};
use reef_store::Notification;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

/// How many changes a subscriber may lag behind before it has to reload.
const BACKLOG: usize = 1024;
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

impl From<AssistantChange> for Notification {
    fn from(change: AssistantChange) -> Self {
        Self::AssistantChanged { user_id: change.user_id, assistant_id: change.assistant_id }
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

    /// Publishes what another process has sent. After `None`, anything may have changed.
    pub(super) fn on_notification(&self, received: Option<Notification>) {
        match received {
            Some(Notification::NewJobs) => self.wake_job_runner(),
            Some(Notification::AssistantChanged { user_id, assistant_id }) => {
                self.publish(AssistantChange { user_id, assistant_id });
            }
            Some(Notification::AccessRevoked { user_id }) => self.publish_access_revoked(user_id),
            None => {
                self.publish_resync();
                self.wake_job_runner();
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notification_publishes_change() {
        let uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
        let change = AssistantChange {
            user_id: UserId::parse(uuid).unwrap(),
            assistant_id: AssistantId::parse(uuid).unwrap(),
        };
        let hub = EventBus::default();
        let mut changes = hub.subscribe();
        hub.on_notification(Some(change.into()));
        hub.on_notification(Some(Notification::AccessRevoked { user_id: change.user_id }));
        hub.on_notification(None);
        assert_eq!(changes.try_recv(), Ok(Change::Assistant(change)));
        assert_eq!(changes.try_recv(), Ok(Change::AccessRevoked(change.user_id)));
        assert_eq!(changes.try_recv(), Ok(Change::Resync));
    }
}
