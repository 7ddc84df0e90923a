//! A part of an answer on its way: from the request to Telegram until it is written down that Telegram has it.
//!
//! A turn that is cut off in between would send the part a second time when it is run again. Stopping a turn therefore lets
//! a part that is under way arrive first, and lets no other one begin.

use std::future::pending;

use tokio::sync::watch;

#[derive(Clone, Copy, Debug, Default)]
struct State {
    is_under_way: bool,
    is_closed: bool,
}

/// What the parts of one turn pass through.
#[derive(Debug, Default)]
pub(crate) struct PartGate(watch::Sender<State>);

impl PartGate {
    /// A part is about to be sent. Never returns once the gate is closed.
    pub async fn begin(&self) {
        if self.0.borrow().is_closed {
            pending::<()>().await;
        }
        self.0.send_modify(|state| state.is_under_way = true);
    }

    /// The part is noted, or Telegram has not taken it.
    pub fn end(&self) {
        self.0.send_modify(|state| state.is_under_way = false);
    }

    /// No other part begins.
    pub fn close(&self) {
        self.0.send_modify(|state| state.is_closed = true);
    }

    /// Returns when no part is under way.
    pub async fn wait_until_idle(&self) {
        // It cannot fail: the sender is borrowed.
        drop(self.0.subscribe().wait_for(|state| !state.is_under_way).await);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn is_ready(future: impl Future<Output = ()>) -> bool {
        pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn closed_gate_lets_the_part_under_way_end_and_no_other_begin() {
        let gate = PartGate::default();
        assert!(is_ready(gate.wait_until_idle()));
        assert!(is_ready(gate.begin()));
        gate.close();
        assert!(!is_ready(gate.wait_until_idle()));
        gate.end();
        assert!(is_ready(gate.wait_until_idle()));
        assert!(!is_ready(gate.begin()));
        assert!(is_ready(gate.wait_until_idle()));
    }
}
