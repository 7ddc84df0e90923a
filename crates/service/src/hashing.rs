//! Hashing passwords, a few at a time: each hash takes 19 MiB and most of a core.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::error::Error;

/// Hashed at once.
const AT_ONCE: usize = 2;
/// Hashed or waiting for their turn: the last one waits about half a second. Who comes then is told to come back.
const ADMITTED: usize = 32;

/// Who may hash.
#[derive(Debug)]
pub(crate) struct Hashing {
    admitted: Arc<Semaphore>,
    at_once: Arc<Semaphore>,
}

impl Default for Hashing {
    fn default() -> Self {
        Self { admitted: Arc::new(Semaphore::new(ADMITTED)), at_once: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Hashing {
    /// Runs a hash off the async threads. It holds its place to its end, even if nobody waits for it any more.
    ///
    /// # Errors
    /// [`Error::RateLimited`] at once when too many wait already; what `work` says.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned();
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
                tokio::spawn(async move { hashing.run(move || gate.recv().map_err(Error::internal)).await })
            })
            .collect();
        while hashing.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = hashing.run(|| Ok(())).await;
        assert!(matches!(refused, Err(Error::RateLimited { .. })), "{refused:?}");
        for gate in open {
            gate.send(()).unwrap();
        }
        for ended in running {
            ended.await.unwrap().unwrap();
        }
        hashing.run(|| Ok(())).await.unwrap();
    }
}
