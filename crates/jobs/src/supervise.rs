//! Background loops that survive a panic: it is logged and counted, and the loop starts again after a wait.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;

const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
/// A loop that has run for this long has recovered from earlier panics.
const RECOVERED_AFTER: Duration = Duration::from_secs(60);

/// Runs a background loop to its end, and starts it again after a panic. A loop that has panicked is also started after
/// `stop` is canceled, once, because a loop may have work to finish when it stops.
///
/// What a loop keeps between rounds is in the database, or behind locks that no panic leaves half-changed.
pub async fn supervise<F: Future<Output = ()>>(
    name: &'static str,
    stop: CancellationToken,
    mut run: impl FnMut() -> F,
) {
    let restarts = metrics::counter!("reef_loop_restarts_total", "loop" => name);
    // The series starts at 0, so that `increase` sees the first restart.
    restarts.increment(0);
    let mut panics_in_a_row = 0;
    loop {
        let started = Instant::now();
        let was_stopped = stop.is_cancelled();
        let Err(panic) = AssertUnwindSafe(async { run().await }).catch_unwind().await else { return };
        panics_in_a_row = if started.elapsed() > RECOVERED_AFTER { 1 } else { panics_in_a_row + 1 };
        let wait = BACKOFF.wait_after(panics_in_a_row);
        tracing::error!(
            name,
            panic = panic_message(&*panic),
            wait_s = wait.as_secs(),
            "background loop panicked"
        );
        if was_stopped {
            return;
        }
        drop(timeout(wait, stop.cancelled()).await);
        restarts.increment(1);
    }
}

pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref().map(String::as_str));
    text.unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    /// A loop that panics in its first rounds and then runs until it is stopped.
    #[derive(Default)]
    struct Loop {
        panics: u32,
        runs: AtomicU32,
        ends: AtomicU32,
    }

    impl Loop {
        async fn run(&self, stop: &CancellationToken) {
            let run = self.runs.fetch_add(1, Ordering::SeqCst);
            assert!(run >= self.panics, "run {run} panics");
            stop.cancelled().await;
            self.ends.fetch_add(1, Ordering::SeqCst);
        }

        fn counts(&self) -> (u32, u32) {
            (self.runs.load(Ordering::SeqCst), self.ends.load(Ordering::SeqCst))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn loop_that_panics_once_runs_again_and_is_counted() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let _recorded = metrics::set_default_local_recorder(&recorder);
        let series = |count: u32| format!("reef_loop_restarts_total{{loop=\"test\"}} {count}\n");
        let (stop, tested) = (CancellationToken::new(), Loop { panics: 1, ..Loop::default() });
        let supervised = supervise("test", stop.clone(), || tested.run(&stop));
        tokio::pin!(supervised);
        assert!(timeout(BACKOFF.wait_after(1) / 2, &mut supervised).await.is_err());
        assert_eq!(tested.counts(), (1, 0));
        assert!(recorder.handle().render().contains(&series(0)));
        assert!(timeout(BACKOFF.wait_after(1), &mut supervised).await.is_err());
        assert_eq!(tested.counts(), (2, 0));
        assert!(recorder.handle().render().contains(&series(1)));
        stop.cancel();
        timeout(BACKOFF.wait_after(1), supervised).await.expect("cancellation ends the loop");
        assert_eq!(tested.counts(), (2, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn loop_that_waits_for_its_restart_can_finish_its_work() {
        let (stop, tested) = (CancellationToken::new(), Loop { panics: 1, ..Loop::default() });
        let supervised = supervise("test", stop.clone(), || tested.run(&stop));
        tokio::pin!(supervised);
        assert!(timeout(BACKOFF.wait_after(1) / 2, &mut supervised).await.is_err());
        stop.cancel();
        timeout(BACKOFF.wait_after(1) / 4, supervised).await.expect("cancellation ends the wait");
        assert_eq!(tested.counts(), (2, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn loop_that_panics_after_stop_is_not_restarted() {
        let (stop, tested) = (CancellationToken::new(), Loop { panics: u32::MAX, ..Loop::default() });
        stop.cancel();
        supervise("test", stop.clone(), || tested.run(&stop)).await;
        assert_eq!(tested.counts(), (1, 0));
    }

    #[tokio::test]
    async fn loop_that_has_nothing_to_do_ends() {
        supervise("test", CancellationToken::new(), || async {}).await;
    }
}
