//! The event bus: changes for subscribers in this process, and notifications to and from other processes by PostgreSQL.

use std::time::Duration;

use reef_domain::Chain;
use reef_domain::ids::{AssistantId, UserId};
use reef_store::{NewsListener, StoreError, Tx};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use crate::services::Services;

/// How many changes a subscriber may lag behind before it has to reload.
const BACKLOG: usize = 1024;
/// The pause before the connection for notifications is opened again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);
/// The notification that there are new jobs.
pub(crate) const WORK: &str = "work";

/// An assistant has changed. Subscribers read its new state themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The owner of the assistant.
    pub user_id: UserId,
    /// The assistant that has changed.
    pub assistant_id: AssistantId,
}

/// What subscribers of the event bus receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// One assistant has changed.
    Changed(Changed),
    /// An API key of this user was revoked, or a session ended. Streams of the user check whether they may stay open.
    AccessEnded(UserId),
    /// Changes may have been lost: reload.
    Missed,
}

/// The notification that a user's access was revoked. It has the form of an assistant's change, with `-` for the
/// assistant.
pub(crate) fn access_text(user: UserId) -> String {
    format!("{user} -")
}

fn parse_access(text: &str) -> Option<UserId> {
    UserId::parse(text.strip_suffix(" -")?)
}

impl Changed {
    /// The text of this change's notification.
    pub(crate) fn text(&self) -> String {
        format!("{} {}", self.user_id, self.assistant_id)
    }

    fn parse(text: &str) -> Option<Self> {
        let (user, assistant) = text.split_once(' ')?;
        Some(Self { user_id: UserId::parse(user)?, assistant_id: AssistantId::parse(assistant)? })
    }
}

/// Publishes changes to subscribers, and wakes the job runner.
#[derive(Debug)]
pub struct Hub {
    news: broadcast::Sender<News>,
    work: Notify,
    closing: CancellationToken,
}

impl Default for Hub {
    fn default() -> Self {
        Self { news: broadcast::channel(BACKLOG).0, work: Notify::new(), closing: CancellationToken::new() }
    }
}

impl Hub {
    /// Publishes a change. It is dropped when there are no subscribers.
    pub fn changed(&self, change: Changed) {
        drop(self.news.send(News::Changed(change)));
    }

    /// Has all streams of this user check whether they may stay open.
    pub(crate) fn access_ended(&self, user: UserId) {
        drop(self.news.send(News::AccessEnded(user)));
    }

    /// Has all subscribers reload.
    pub fn missed(&self) {
        drop(self.news.send(News::Missed));
    }

    /// Subscribes to changes from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// Wakes the job runner: there are new jobs.
    pub fn wake(&self) {
        self.work.notify_one();
    }

    /// Waits until the job runner is woken.
    pub async fn woken(&self) {
        self.work.notified().await;
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

    fn hear(&self, text: &str) {
        if text == WORK {
            self.wake();
        } else if let Some(change) = Changed::parse(text) {
            self.changed(change);
        } else if let Some(user) = parse_access(text) {
            self.access_ended(user);
        } else {
            // A newer version of Reef may send notifications that this version does not know.
            self.missed();
        }
    }
}

/// Waits until an assistant of the user has changed or may have changed, or access of the user was revoked. With
/// `None`, any of the user's assistants counts.
pub async fn change_of(news: &mut broadcast::Receiver<News>, user: UserId, assistant: Option<AssistantId>) {
    loop {
        match news.recv().await {
            Ok(News::Changed(change)) => {
                if change.user_id == user && assistant.is_none_or(|id| id == change.assistant_id) {
                    return;
                }
            }
            Ok(News::AccessEnded(of)) if of == user => return,
            Ok(News::AccessEnded(_)) => {}
            Ok(News::Missed) | Err(broadcast::error::RecvError::Lagged(_)) => return,
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
    pub async fn commit_end_of_access(&self, mut tx: Tx, user: UserId) -> Result<(), StoreError> {
        tx.tell(&access_text(user)).await?;
        tx.commit().await?;
        self.hub().access_ended(user);
        Ok(())
    }

    /// Forwards notifications of other processes to the event bus until `stop` is canceled. SQLite has no
    /// notifications, so it returns at once there.
    pub async fn relay_news(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let heard = tokio::select! {
                () = stop.cancelled() => return,
                heard = self.hear_others() => heard,
            };
            match heard {
                Ok(()) => return,
                Err(error) => {
                    let error = tracing::field::display(Chain(&error));
                    tracing::warn!(error, "notifications could not be received");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RECONNECT_AFTER) => {}
            }
        }
    }

    async fn hear_others(&self) -> Result<(), StoreError> {
        let Some(mut listener) = self.store().listen().await? else { return Ok(()) };
        // Notifications that were sent while nobody listened are lost.
        self.hub().missed();
        self.hub().wake();
        loop {
            self.hear_one(&mut listener).await?;
        }
    }

    async fn hear_one(&self, listener: &mut NewsListener) -> Result<(), StoreError> {
        if let Some(text) = listener.next().await? {
            self.hub().hear(&text);
        } else {
            self.hub().missed();
            self.hub().wake();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_and_heard() {
        let uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
        let change = Changed {
            user_id: UserId::parse(uuid).unwrap(),
            assistant_id: AssistantId::parse(uuid).unwrap(),
        };
        assert_eq!(Changed::parse(&change.text()), Some(change));
        let hub = Hub::default();
        let mut news = hub.listen();
        hub.hear(&change.text());
        hub.hear(&access_text(change.user_id));
        hub.hear("something new");
        assert_eq!(news.try_recv(), Ok(News::Changed(change)));
        assert_eq!(news.try_recv(), Ok(News::AccessEnded(change.user_id)));
        assert_eq!(news.try_recv(), Ok(News::Missed));
    }
}
