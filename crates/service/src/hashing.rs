//! Hashing passwords, a few at a time: each hash takes 19 MiB and most of a core.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::error::Error;

/// Hashed at once.
const AT_ONCE: usize = 2;
/// Of a lane hashed or waiting for their turn: the last one waits about a second. Requests beyond are refused.
const ADMITTED: usize = 32;

/// Who wants to hash. Each has places of its own to wait in, so that a flood of strangers leaves room for owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Anybody.
    Strangers,
    /// A browser that has signed in with the account before, or somebody with a session or a link.
    Known,
}

/// Who may hash.
#[derive(Debug)]
pub(crate) struct Hashing {
    strangers: Arc<Semaphore>,
    known: Arc<Semaphore>,
    at_once: Arc<Semaphore>,
}

impl Default for Hashing {
    fn default() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { strangers: places(ADMITTED), known: places(ADMITTED), at_once: places(AT_ONCE) }
    }
}

impl Hashing {
    /// Runs a hash off the async threads. It holds its place to its end, even if nobody waits for it any more.
    ///
    /// # Errors
    /// [`Error::RateLimited`] at once when too many wait already; what `work` says.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let places = match lane {
            Lane::Strangers => &self.strangers,
            Lane::Known => &self.known,
        };
        let admitted = Arc::clone(places).try_acquire_owned();
        let Ok(admitted) = admitted else {
            let message = "Too many people are signing in at this moment";
            return Err(Error::RateLimited { message, retry_after_seconds: 2 });
        };
        let turn = Arc::clone(&self.at_once).acquire_owned().await.map_err(Error::internal)?;
        let hashed = tokio::task::spawn_blocking(move || {
            let _places = (admitted, turn);
            work()
        });
        hashed.await.map_err(Error::internal)?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn who_would_wait_too_long_is_told_at_once_and_places_come_back() {
        let hashing = Arc::new(Hashing::default());
        let (open, gates): (Vec<_>, Vec<_>) = (0..ADMITTED).map(|_| mpsc::channel::<()>()).unzip();
        let running: Vec<_> = gates
            .into_iter()
            .map(|gate| {
                let hashing = Arc::clone(&hashing);
                tokio::spawn(async move {
                    hashing.run(Lane::Strangers, move || gate.recv().map_err(Error::internal)).await
                })
            })
            .collect();
        while hashing.strangers.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = hashing.run(Lane::Strangers, || Ok(())).await;
        assert!(matches!(refused, Err(Error::RateLimited { .. })), "{refused:?}");
        let known = Arc::clone(&hashing);
        let known = tokio::spawn(async move { known.run(Lane::Known, || Ok(())).await });
        for gate in open {
            gate.send(()).unwrap();
        }
        for ended in running {
            ended.await.unwrap().unwrap();
        }
        known.await.unwrap().expect("who is known has a place");
        hashing.run(Lane::Strangers, || Ok(())).await.unwrap();
    }
}
