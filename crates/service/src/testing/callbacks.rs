//! A customer's endpoint that accepts everything.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;

use crate::testing::script::{Script, lock};
use reef_ports::{CallbackError, CallbackRequest, CallbackSender};

/// Receives callbacks. Its scripted call is `send`.
#[derive(Default)]
pub struct FakeCallbacks {
    /// The scripted failures of its calls.
    pub script: Script<CallbackError>,
    answers: Mutex<VecDeque<u16>>,
    received: Mutex<Vec<CallbackRequest>>,
}

impl FakeCallbacks {
    /// Answers the next requests with these statuses, and later ones with 200 again.
    pub fn respond_with(&self, statuses: impl IntoIterator<Item = u16>) {
        lock(&self.answers).extend(statuses);
    }

    /// All requests that arrived, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<CallbackRequest> {
        lock(&self.received).clone()
    }
}

#[async_trait]
impl CallbackSender for FakeCallbacks {
    async fn send(&self, outgoing: &CallbackRequest) -> Result<u16, CallbackError> {
        let receive = || {
            lock(&self.received).push(outgoing.clone());
            Ok(lock(&self.answers).pop_front().unwrap_or(200))
        };
        self.script.perform("send", receive).await
    }
}
