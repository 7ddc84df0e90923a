//! The worker of a run, and how long its removal may take.

use std::time::Duration;

use reef_domain::Assistant;
use reef_domain::state::Run;
use reef_ports::WorkerRef;

/// How long the worker host and Telegram may take to confirm.
pub(crate) const REMOVAL_TIMEOUT: Duration = Duration::from_secs(12);
/// When the check after a removal runs: later than a removal can last.
pub(crate) const CHECK_AFTER: Duration = Duration::from_secs(15);

/// The worker of a run.
pub(crate) fn worker_ref(a: &Assistant, run: &Run) -> WorkerRef {
    WorkerRef { assistant_id: a.id, worker_name: run.worker_name.clone(), generation: run.generation }
}
