//! Who is told when something has changed: listeners in this process and, through the database, in others.

use std::time::Duration;

use reef_domain::Chain;
use reef_domain::ids::{AssistantId, UserId};
use reef_store::{NewsListener, StoreError, Tx};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use crate::services::Services;

/// How many changes a slow listener may be behind before it has to look for itself.
const BACKLOG: usize = 1024;
/// How long to wait before the connection to other processes is tried again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);
/// What other processes are told when there is new work.
pub(crate) const WORK: &str = "work";

/// That an assistant has changed; what it is now, the listener reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Whose.
    pub user_id: UserId,
    /// Which.
    pub assistant_id: AssistantId,
}

/// What listeners hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// An assistant has changed.
    Changed(Changed),
    /// A key of this user was revoked, or one of their sessions has ended: whoever listens for them looks whether they
    /// still may.
    AccessEnded(UserId),
    /// Something may have been missed: look.
    Missed,
}

/// How the end of a user's access is told to other processes: where a change names the assistant, it names none.
pub(crate) fn access_text(user: UserId) -> String {
    format!("{user} -")
}

fn parse_access(text: &str) -> Option<UserId> {
    UserId::parse(text.strip_suffix(" -")?)
}

impl Changed {
    /// As other processes are told.
    pub(crate) fn text(&self) -> String {
        format!("{} {}", self.user_id, self.assistant_id)
    }

    fn parse(text: &str) -> Option<Self> {
        let (user, assistant) = text.split_once(' ')?;
        Some(Self { user_id: UserId::parse(user)?, assistant_id: AssistantId::parse(assistant)? })
    }
}

/// Tells listeners of changes, and the job runner of new work.
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
    /// Tells everybody who listens. Nobody listening is fine.
    pub fn changed(&self, change: Changed) {
        drop(self.news.send(News::Changed(change)));
    }

    /// Has everybody who listens for this user look whether they still may.
    pub(crate) fn access_ended(&self, user: UserId) {
        drop(self.news.send(News::AccessEnded(user)));
    }

    /// Has everybody who listens look.
    pub fn missed(&self) {
        drop(self.news.send(News::Missed));
    }

    /// News from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// Says that there is new work.
    pub fn wake(&self) {
        self.work.notify_one();
    }

    /// Waits until there is new work.
    pub async fn woken(&self) {
        self.work.notified().await;
    }

    /// Ends every wait: the process stops.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Fires when the process stops.
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
            // A newer process speaks of something this one does not know yet.
            self.missed();
        }
    }
}

/// Waits until an assistant of a user has changed, or may have: any of them when `assistant` is `None`; or until a key or
/// a session of the user has ended.
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
    /// Commits what takes a key or a session from a user, and wakes everybody who listens for them, in every process:
    /// what was opened with it ends now, not with the next change of an assistant.
    /// On SQLite this process alone is told; streams of another look by themselves within a minute.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn commit_end_of_access(&self, mut tx: Tx, user: UserId) -> Result<(), StoreError> {
        tx.tell(&access_text(user)).await?;
        tx.commit().await?;
        self.hub().access_ended(user);
        Ok(())
    }

    /// Passes on what other processes tell, until `stop`. On SQLite there are none.
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
                    tracing::warn!(error, "other processes cannot be heard; trying again");
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
        // What was told while nobody listened is looked for.
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
