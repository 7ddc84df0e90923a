//! Scripted failures of fakes, call by call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

/// Locks a mutex, ignoring the poison of a fake that panicked.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Holds a call until the test lets it continue.
#[derive(Debug)]
pub struct Gate {
    arrived: Semaphore,
    opened: Semaphore,
}

impl Gate {
    /// Creates a closed gate.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { arrived: Semaphore::new(0), opened: Semaphore::new(0) })
    }

    /// Waits until a call has arrived at the gate.
    pub async fn reached(&self) {
        pass(&self.arrived).await;
    }

    /// Lets one call continue.
    pub fn open(&self) {
        self.opened.add_permits(1);
    }

    async fn wait(&self) {
        self.arrived.add_permits(1);
        pass(&self.opened).await;
    }
}

async fn pass(semaphore: &Semaphore) {
    semaphore.acquire().await.expect("the semaphore is never closed").forget();
}

/// How a scripted call behaves.
pub enum Behavior<E> {
    /// It fails and has no effect.
    Fail(fn() -> E),
    /// It has its effect, but the response is lost.
    FailAfter(fn() -> E),
    /// The call panics instead.
    Panic,
    /// It is held before it has its effect.
    Hold(Arc<Gate>),
    /// It is held after it has had its effect.
    HoldAfter(Arc<Gate>),
}

// `derive` would require the error to be `Clone`, too.
impl<E> Clone for Behavior<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Fail(error) => Self::Fail(*error),
            Self::FailAfter(error) => Self::FailAfter(*error),
            Self::Panic => Self::Panic,
            Self::Hold(gate) => Self::Hold(Arc::clone(gate)),
            Self::HoldAfter(gate) => Self::HoldAfter(Arc::clone(gate)),
        }
    }
}

/// A scripted behavior for the next calls of a name.
struct Rule<E> {
    call: &'static str,
    times: usize,
    behavior: Behavior<E>,
}

/// The rules of a fake, and the calls it has received.
pub struct Script<E> {
    rules: Mutex<Vec<Rule<E>>>,
    calls: Mutex<Vec<&'static str>>,
}

impl<E> Default for Script<E> {
    fn default() -> Self {
        Self { rules: Mutex::default(), calls: Mutex::default() }
    }
}

impl<E> Script<E> {
    /// The next `times` calls named `call` behave like this.
    pub fn on(&self, call: &'static str, times: usize, behavior: Behavior<E>) {
        lock(&self.rules).push(Rule { call, times, behavior });
    }

    /// The next `times` calls named `call` fail.
    pub fn fail(&self, call: &'static str, times: usize, error: fn() -> E) {
        self.on(call, times, Behavior::Fail(error));
    }

    /// The next call named `call` is held before it has its effect.
    pub fn hold(&self, call: &'static str) -> Arc<Gate> {
        let gate = Gate::new();
        self.on(call, 1, Behavior::Hold(Arc::clone(&gate)));
        gate
    }

    /// Removes all rules, so that every call works.
    pub fn clear(&self) {
        lock(&self.rules).clear();
    }

    /// How many calls named `call` were received.
    #[must_use]
    pub fn count(&self, call: &str) -> usize {
        lock(&self.calls).iter().filter(|name| **name == call).count()
    }

    fn next(&self, call: &'static str) -> Option<Behavior<E>> {
        lock(&self.calls).push(call);
        let mut rules = lock(&self.rules);
        let rule = rules.iter_mut().find(|rule| rule.call == call && rule.times > 0)?;
        rule.times -= 1;
        Some(rule.behavior.clone())
    }

    /// Carries out a call as scripted.
    ///
    /// # Errors
    /// The scripted error, or the error of `effect`.
    ///
    /// # Panics
    /// When a panic is scripted.
    pub async fn perform<T: Send>(
        &self,
        call: &'static str,
        effect: impl FnOnce() -> Result<T, E> + Send,
    ) -> Result<T, E> {
        // Like a call over a network, this one yields before and after its effect, so that its caller can be dropped
        // there.
        tokio::task::yield_now().await;
        let result = self.apply_rule(call, effect).await;
        tokio::task::yield_now().await;
        result
    }

    async fn apply_rule<T: Send>(
        &self,
        call: &'static str,
        effect: impl FnOnce() -> Result<T, E> + Send,
    ) -> Result<T, E> {
        match self.next(call) {
            None => effect(),
            Some(Behavior::Fail(error)) => Err(error()),
            Some(Behavior::FailAfter(error)) => effect().and_then(|_| Err(error())),
            Some(Behavior::Panic) => panic!("{call} panics as scripted"),
            Some(Behavior::Hold(gate)) => {
                gate.wait().await;
                effect()
            }
            Some(Behavior::HoldAfter(gate)) => {
                let result = effect();
                gate.wait().await;
                result
            }
        }
    }
}
