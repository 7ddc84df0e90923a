//! A gate that parts of a reply pass when they are sent, from the request to Telegram until the part is recorded as
//! sent.
//!
//! If a turn is canceled in between, its next run sends the part a second time. A canceled turn therefore finishes the
//! part that is being sent, and the gate lets no other one through.

use std::future::pending;

use tokio::sync::watch;

#[derive(Clone, Copy, Debug, Default)]
struct GateState {
    is_sending: bool,
    is_closed: bool,
}

/// The gate for the parts of one turn.
#[derive(Debug, Default)]
pub(crate) struct PartGate(watch::Sender<GateState>);

impl PartGate {
    /// Registers that a part is about to be sent. Once the gate is closed, this waits forever.
    pub async fn enter(&self) {
        if self.0.borrow().is_closed {
            pending::<()>().await;
        }
        self.0.send_modify(|state| state.is_sending = true);
    }

    /// Registers that the part is recorded as sent, or that Telegram did not accept it.
    pub fn leave(&self) {
        self.0.send_modify(|state| state.is_sending = false);
    }

    /// Lets no further part through.
    pub fn close(&self) {
        self.0.send_modify(|state| state.is_closed = true);
    }

    /// Waits until no part is being sent.
    pub async fn wait_until_idle(&self) {
        // This cannot fail, because the sender lives as long as `self`.
        drop(self.0.subscribe().wait_for(|state| !state.is_sending).await);
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
    fn closed_gate_lets_current_part_finish() {
        let gate = PartGate::default();
        assert!(is_ready(gate.wait_until_idle()));
        assert!(is_ready(gate.enter()));
        gate.close();
        assert!(!is_ready(gate.wait_until_idle()));
        gate.leave();
        assert!(is_ready(gate.wait_until_idle()));
        assert!(!is_ready(gate.enter()));
        assert!(is_ready(gate.wait_until_idle()));
    }
}
