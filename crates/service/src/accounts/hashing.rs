//! Limits concurrent password hashing: each hash takes 19 MiB and most of a core.

use std::sync::Arc;

use reef_domain::ids::UserId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;
use crate::throttling::concurrency_limit::{ConcurrencyLimit, Permit};

/// How many hashes are computed at once.
const RUNNING_MAX: usize = 2;
/// How many requests of a lane are hashed or wait. The last of them waits about a second; more are refused.
const QUEUE_MAX: usize = 32;
/// The share of one account in the lane of known users, so that its sessions do not block others.
const QUEUE_PER_USER_MAX: usize = 2;

/// The kind of request that hashes a password. Each lane has its own queue, so that a flood of anonymous requests
/// leaves room for owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// A request that proves no account.
    Anonymous,
    /// A known device of this account, or a request with a session or link of it.
    Known(UserId),
}

/// The queues for hashing.
#[derive(Debug)]
pub(crate) struct HashingQueues {
    anonymous: Arc<Semaphore>,
    known: ConcurrencyLimit<UserId>,
    running: Arc<Semaphore>,
}

impl Default for HashingQueues {
    fn default() -> Self {
        Self {
            anonymous: Arc::new(Semaphore::new(QUEUE_MAX)),
            known: ConcurrencyLimit::new(QUEUE_MAX, QUEUE_PER_USER_MAX),
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
        }
    }
}

/// A place in a queue, held until the hash is computed or this is dropped.
#[derive(Debug)]
pub(crate) struct HashingPermit {
    _queue_permit: QueuePermit,
    running: Arc<Semaphore>,
}

#[derive(Debug)]
enum QueuePermit {
    Anonymous { _permit: OwnedSemaphorePermit },
    Known { _permit: Permit<UserId> },
}

impl HashingQueues {
    /// Reserves a place. An attempt reserves one before it is counted: a request that is refused here has not tried
    /// anything.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the queue is full.
    pub(crate) fn reserve(&self, lane: Lane) -> Result<HashingPermit, Error> {
        let place = match lane {
            Lane::Anonymous => Arc::clone(&self.anonymous)
                .try_acquire_owned()
                .ok()
                .map(|_permit| QueuePermit::Anonymous { _permit }),
            Lane::Known(user) => {
                self.known.try_reserve(Some(user)).map(|_permit| QueuePermit::Known { _permit })
            }
        };
        let message = "Too many people are signing in right now";
        let place = place.ok_or(Error::RateLimited { message, retry_after_seconds: 2 })?;
        Ok(HashingPermit { _queue_permit: place, running: Arc::clone(&self.running) })
    }
}

impl HashingPermit {
    /// Computes a hash on a blocking thread. It holds its place until it is done, even if the request is canceled.
    ///
    /// # Errors
    /// The error that `work` returns.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(Error::internal)?;
        let hashed = tokio::task::spawn_blocking(move || {
            let _places = (self, turn);
            work()
        });
        hashed.await.map_err(Error::internal)?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use uuid::Uuid;

    use super::*;

    fn known(user: u128) -> Lane {
        Lane::Known(UserId::new(Uuid::from_u128(user)))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn full_lane_refuses_and_leaves_other_lane_free() {
        let hashing = HashingQueues::default();
        let (open, gates): (Vec<_>, Vec<_>) = (0..QUEUE_MAX).map(|_| mpsc::channel::<()>()).unzip();
        let running: Vec<_> = gates
            .into_iter()
            .map(|gate| {
                let permit = hashing.reserve(Lane::Anonymous).unwrap();
                tokio::spawn(permit.run(move || gate.recv().map_err(Error::internal)))
            })
            .collect();
        let refused = hashing.reserve(Lane::Anonymous);
        assert!(matches!(refused, Err(Error::RateLimited { .. })), "{refused:?}");
        let owner = tokio::spawn(hashing.reserve(known(1)).unwrap().run(|| Ok(())));
        for gate in open {
            gate.send(()).unwrap();
        }
        for ended in running {
            ended.await.unwrap().unwrap();
        }
        owner.await.unwrap().expect("an owner has a place");
        hashing.reserve(Lane::Anonymous).unwrap().run(|| Ok(())).await.unwrap();
    }

    #[test]
    fn account_gets_no_more_than_its_share_of_known_lane() {
        let hashing = HashingQueues::default();
        let own: Vec<_> = (0..QUEUE_PER_USER_MAX).map(|_| hashing.reserve(known(1)).unwrap()).collect();
        assert!(hashing.reserve(known(1)).is_err());
        let other = hashing.reserve(known(2)).expect("another account has its own");
        drop(own);
        drop(hashing.reserve(known(1)).unwrap());
        drop(other);
        // All permits are released.
        let all: Vec<_> = (0..QUEUE_MAX).map(|user| hashing.reserve(known(user as u128)).unwrap()).collect();
        assert!(hashing.reserve(known(99)).is_err());
        drop(all);
    }
}
