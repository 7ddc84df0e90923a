//! Limits concurrent password hashing: each hash takes 19 MiB and most of a core.

use std::sync::Arc;

use reef_domain::ids::UserId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;
use crate::seats::{Seat, Seats};

/// How many hashes are computed at once.
const AT_ONCE: usize = 2;
/// How many requests of a lane are hashed or wait. The last of them waits about a second; more are refused.
const ADMITTED: usize = 32;
/// The share of one account in the lane of known users, so that its sessions do not block others.
const ADMITTED_PER_USER: usize = 2;

/// Who wants to hash. Each lane has its own queue, so that a flood of anonymous requests leaves room for owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// A request that proves no account.
    Strangers,
    /// A known device of this account, or a request with a session or link of it.
    Known(UserId),
}

/// The queues for hashing.
#[derive(Debug)]
pub(crate) struct Hashing {
    strangers: Arc<Semaphore>,
    known: Seats,
    at_once: Arc<Semaphore>,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            strangers: Arc::new(Semaphore::new(ADMITTED)),
            known: Seats::new(ADMITTED, ADMITTED_PER_USER),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

/// A place in a queue, held until the hash is computed or this is dropped.
#[derive(Debug)]
pub(crate) struct HashingPermit {
    _place: Place,
    at_once: Arc<Semaphore>,
}

#[derive(Debug)]
enum Place {
    Stranger { _permit: OwnedSemaphorePermit },
    Known { _seat: Seat },
}

impl Hashing {
    /// Reserves a place. An attempt reserves one before it is counted: a request that is refused here has not tried
    /// anything.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the queue is full.
    pub(crate) fn admit(&self, lane: Lane) -> Result<HashingPermit, Error> {
        let place = match lane {
            Lane::Strangers => Arc::clone(&self.strangers)
                .try_acquire_owned()
                .ok()
                .map(|_permit| Place::Stranger { _permit }),
            Lane::Known(user) => self.known.try_take(user).map(|_seat| Place::Known { _seat }),
        };
        let message = "Too many people are signing in right now";
        let place = place.ok_or(Error::RateLimited { message, retry_after_seconds: 2 })?;
        Ok(HashingPermit { _place: place, at_once: Arc::clone(&self.at_once) })
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
        let turn = Arc::clone(&self.at_once).acquire_owned().await.map_err(Error::internal)?;
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
    async fn lane_that_is_full_refuses_at_once_and_leaves_the_other_its_places() {
        let hashing = Hashing::default();
        let (open, gates): (Vec<_>, Vec<_>) = (0..ADMITTED).map(|_| mpsc::channel::<()>()).unzip();
        let running: Vec<_> = gates
            .into_iter()
            .map(|gate| {
                let permit = hashing.admit(Lane::Strangers).unwrap();
                tokio::spawn(permit.run(move || gate.recv().map_err(Error::internal)))
            })
            .collect();
        let refused = hashing.admit(Lane::Strangers);
        assert!(matches!(refused, Err(Error::RateLimited { .. })), "{refused:?}");
        let owner = tokio::spawn(hashing.admit(known(1)).unwrap().run(|| Ok(())));
        for gate in open {
            gate.send(()).unwrap();
        }
        for ended in running {
            ended.await.unwrap().unwrap();
        }
        owner.await.unwrap().expect("an owner has a place");
        hashing.admit(Lane::Strangers).unwrap().run(|| Ok(())).await.unwrap();
    }

    #[test]
    fn account_has_its_share_of_the_known_lane_and_no_more() {
        let hashing = Hashing::default();
        let own: Vec<_> = (0..ADMITTED_PER_USER).map(|_| hashing.admit(known(1)).unwrap()).collect();
        assert!(hashing.admit(known(1)).is_err());
        let other = hashing.admit(known(2)).expect("another account has its own");
        drop(own);
        drop(hashing.admit(known(1)).unwrap());
        drop(other);
        // All permits are released.
        let all: Vec<_> = (0..ADMITTED).map(|user| hashing.admit(known(user as u128)).unwrap()).collect();
        assert!(hashing.admit(known(99)).is_err());
        drop(all);
    }
}
