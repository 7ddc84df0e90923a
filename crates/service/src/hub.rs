//! Who is told when something has changed, inside this process.

use reef_domain::ids::{AssistantId, UserId};
use tokio::sync::{Notify, broadcast};

/// How many changes a slow listener may be behind before it has to look for itself.
const BACKLOG: usize = 1024;

/// That an assistant has changed; what it is now, the listener reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Whose.
    pub user_id: UserId,
    /// Which.
    pub assistant_id: AssistantId,
}

/// Tells listeners of changes, and the job runner of new work.
#[derive(Debug)]
pub struct Hub {
    changes: broadcast::Sender<Changed>,
    work: Notify,
}

impl Default for Hub {
    fn default() -> Self {
        Self { changes: broadcast::channel(BACKLOG).0, work: Notify::new() }
    }
}

impl Hub {
    /// Tells everybody who listens. Nobody listening is fine.
    pub fn changed(&self, change: Changed) {
        drop(self.changes.send(change));
    }

    /// Changes from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Changed> {
        self.changes.subscribe()
    }

    /// Says that there is new work.
    pub fn wake(&self) {
        self.work.notify_one();
    }

    /// Waits until there is new work.
    pub async fn woken(&self) {
        self.work.notified().await;
    }
}
