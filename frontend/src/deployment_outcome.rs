//! How a deployment ended while its page was open. The snapshots of a live page have the assistant's status; this compares each
//! with the one before.

use reef_domain::wire::Status;
use serde::Deserialize;

const DEPLOYED: &str = "Your assistant is live.";
const FAILED: &str = "Deployment failed.";

/// The part of a snapshot that matters here. Snapshots of other pages have no status.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    status: Status,
    status_message: Option<String>,
}

/// Whether an assistant is being deployed, according to the last snapshot.
pub(crate) struct DeploymentWatch {
    is_deploying: bool,
}

impl DeploymentWatch {
    pub(crate) fn new(is_deploying: bool) -> Self {
        Self { is_deploying }
    }

    /// Applies the next snapshot, as JSON. Returns the notice to show if it ends a deployment.
    pub(crate) fn apply(&mut self, snapshot: &str) -> Option<&'static str> {
        let Snapshot { status, status_message } = serde_json::from_str(snapshot).ok()?;
        let was_deploying = std::mem::replace(&mut self.is_deploying, status == Status::Deploying);
        match status {
            _ if !was_deploying => None,
            // An active assistant has a message only after a change that was undone.
            Status::Active if status_message.is_none() => Some(DEPLOYED),
            Status::Active | Status::Failed => Some(FAILED),
            Status::PendingPayment | Status::Purchased | Status::Deploying | Status::Stopped => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(status: &str, message: Option<&str>) -> String {
        serde_json::json!({ "status": status, "statusMessage": message, "name": "Pearl" }).to_string()
    }

    #[test]
    fn successful_deployment_is_announced_once() {
        let mut watch = DeploymentWatch::new(false);
        assert_eq!(watch.apply(&snapshot("deploying", None)), None);
        assert_eq!(watch.apply(&snapshot("deploying", None)), None);
        assert_eq!(watch.apply(&snapshot("active", None)), Some(DEPLOYED));
        assert_eq!(watch.apply(&snapshot("active", None)), None);
    }

    #[test]
    fn failed_or_undone_deployment_is_announced_as_failed() {
        for status in ["failed", "active"] {
            let mut watch = DeploymentWatch::new(true);
            assert_eq!(
                watch.apply(&snapshot(status, Some("TELEGRAM_CONFLICT: …"))),
                Some(FAILED),
                "{status}"
            );
        }
    }

    #[test]
    fn stops_and_other_pages_announce_nothing() {
        let mut watch = DeploymentWatch::new(true);
        for other in ["[]", "{\"id\":\"1\"}", "nonsense"] {
            assert_eq!(watch.apply(other), None);
        }
        assert_eq!(watch.apply(&snapshot("stopped", None)), None);
        assert_eq!(watch.apply(&snapshot("active", None)), None);
    }
}
