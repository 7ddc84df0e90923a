//! The event bus: changes for subscribers in this process. A change wakes those whose user or assistant it concerns.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reef_domain::ids::{AssistantId, UserId};
use reef_store::Notification;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// An assistant has changed. Subscribers read its new state themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssistantChange {
    /// The owner of the assistant.
    pub user_id: UserId,
    /// The assistant that has changed.
    pub assistant_id: AssistantId,
}

impl From<AssistantChange> for Notification {
    fn from(change: AssistantChange) -> Self {
        Self::AssistantChanged { user_id: change.user_id, assistant_id: change.assistant_id }
    }
}

/// Publishes changes to subscribers, and wakes the job runner.
#[derive(Debug, Default)]
pub struct EventBus {
    subscribers: Arc<Subscribers>,
    new_jobs: Notify,
    closing: CancellationToken,
}

/// The subscribers of each user.
#[derive(Debug, Default)]
struct Subscribers(Mutex<HashMap<UserId, Vec<Arc<Subscriber>>>>);

#[derive(Debug)]
struct Subscriber {
    /// The assistant whose changes count; `None` for all of the user's.
    assistant: Option<AssistantId>,
    changes: AtomicU64,
    changed: Notify,
}

impl Subscriber {
    fn wake(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_one();
    }
}

impl Subscribers {
    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Vec<Arc<Subscriber>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Receives the changes of one user, or of one of the user's assistants, until it is dropped.
#[derive(Debug)]
pub struct Subscription {
    user: UserId,
    subscriber: Arc<Subscriber>,
    /// How many of the changes have been received.
    received: u64,
    subscribers: Arc<Subscribers>,
}

impl Subscription {
    /// Waits until something has changed or may have changed since the last call, or access of the user was revoked.
    pub async fn changed(&mut self) {
        while self.take_changes() == 0 {
            self.subscriber.changed.notified().await;
        }
    }

    /// How many changes have been published since the last call, or since the subscription began.
    pub fn take_changes(&mut self) -> u64 {
        let published = self.subscriber.changes.load(Ordering::SeqCst);
        published - std::mem::replace(&mut self.received, published)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut subscribers = self.subscribers.lock();
        if let Some(of_user) = subscribers.get_mut(&self.user) {
            of_user.retain(|one| !Arc::ptr_eq(one, &self.subscriber));
            if of_user.is_empty() {
                subscribers.remove(&self.user);
            }
        }
    }
}

impl EventBus {
    /// Subscribes to the changes of a user from now on, or with `assistant` only to those of one assistant. That access
    /// was revoked reaches all subscriptions of the user.
    #[must_use]
    pub fn subscribe(&self, user: UserId, assistant: Option<AssistantId>) -> Subscription {
        let subscriber =
            Arc::new(Subscriber { assistant, changes: AtomicU64::new(0), changed: Notify::new() });
        self.subscribers.lock().entry(user).or_default().push(subscriber.clone());
        Subscription { user, subscriber, received: 0, subscribers: self.subscribers.clone() }
    }

    /// Publishes a change to those who have subscribed to the user or to the assistant.
    pub fn publish(&self, change: AssistantChange) {
        self.wake(change.user_id, Some(change.assistant_id));
    }

    /// Has all streams of this user check whether they may stay open.
    pub(crate) fn publish_access_revoked(&self, user: UserId) {
        self.wake(user, None);
    }

    /// Has all subscribers reload.
    pub fn publish_resync(&self) {
        for of_user in self.subscribers.lock().values() {
            of_user.iter().for_each(|subscriber| subscriber.wake());
        }
    }

    /// Wakes the subscribers of a user that a change of the assistant concerns, or all of them without one.
    fn wake(&self, user: UserId, changed: Option<AssistantId>) {
        if let Some(of_user) = self.subscribers.lock().get(&user) {
            for subscriber in of_user {
                if changed.is_none() || subscriber.assistant.is_none() || subscriber.assistant == changed {
                    subscriber.wake();
                }
            }
        }
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn change(user: u128, assistant: u128) -> AssistantChange {
        AssistantChange {
            user_id: UserId::new(Uuid::from_u128(user)),
            assistant_id: AssistantId::new(Uuid::from_u128(assistant)),
        }
    }

    #[test]
    fn notification_wakes_those_it_concerns() {
        let bus = EventBus::default();
        let (mine, other) = (change(1, 10), change(2, 20));
        let mut all = bus.subscribe(mine.user_id, None);
        let mut one = bus.subscribe(mine.user_id, Some(mine.assistant_id));
        let mut another = bus.subscribe(mine.user_id, Some(other.assistant_id));
        let mut stranger = bus.subscribe(other.user_id, None);
        let mut woken = || [&mut all, &mut one, &mut another, &mut stranger].map(Subscription::take_changes);
        bus.on_notification(Some(mine.into()));
        assert_eq!(woken(), [1, 1, 0, 0]);
        bus.on_notification(Some(Notification::AccessRevoked { user_id: mine.user_id }));
        assert_eq!(woken(), [1, 1, 1, 0]);
        bus.on_notification(None);
        assert_eq!(woken(), [1, 1, 1, 1]);
        bus.on_notification(Some(Notification::NewJobs));
        assert_eq!(woken(), [0, 0, 0, 0]);
    }

    #[tokio::test]
    async fn changes_before_waiting_are_received_once() {
        let bus = EventBus::default();
        let mine = change(1, 10);
        let mut subscription = bus.subscribe(mine.user_id, None);
        bus.publish(mine);
        bus.publish(mine);
        subscription.changed().await;
        assert_eq!(subscription.take_changes(), 0);
        let waiting = tokio::spawn(async move { subscription.changed().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        bus.publish(mine);
        waiting.await.unwrap();
    }

    #[test]
    fn dropped_subscription_leaves_nothing_behind() {
        let bus = EventBus::default();
        let mine = change(1, 10);
        let first = bus.subscribe(mine.user_id, None);
        let mut second = bus.subscribe(mine.user_id, None);
        drop(first);
        bus.publish(mine);
        assert_eq!(second.take_changes(), 1);
        drop(second);
        assert!(bus.subscribers.lock().is_empty());
    }
}
