//! Checking that Polar still sends its webhooks: it disables an endpoint after ten failures in a row without notifying anyone.

use std::time::Duration;

use crate::error::Error;
use crate::services::Services;
use reef_ports::{PaymentError, WebhookEndpoint};

const CHECK_EVERY: Duration = Duration::from_secs(300);
/// The payment checks that are expedited per round while no webhooks arrive: three quarters of what the rate budget allows, so
/// that purchases are still checked in time.
const CHECKS_PER_ROUND: u32 = 75;
const PATH: &str = "/webhooks/polar";

/// The state of Reef's webhook endpoint at Polar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointHealth {
    /// The endpoint exists and Polar sends webhooks to it.
    Enabled,
    /// Polar has disabled the endpoint.
    Disabled,
    /// Polar has no endpoint with the URL or the path of this installation.
    Missing,
    /// The access token lacks the scope to read endpoints.
    NoScope,
}

impl EndpointHealth {
    /// All states, for metrics that list each of them.
    pub const ALL: [Self; 4] = [Self::Enabled, Self::Disabled, Self::Missing, Self::NoScope];

    /// The name that is stored and used in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Missing => "missing",
            Self::NoScope => "no_scope",
        }
    }

    /// Parses a stored name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|health| health.as_str() == text)
    }
}

/// The endpoint at the own URL counts. If there is none, those with the same path count, as behind another host name.
fn health_of(endpoints: &[WebhookEndpoint], own: &str) -> EndpointHealth {
    let at = |is_ours: &dyn Fn(&str) -> bool| {
        let mut own_endpoints = endpoints.iter().filter(|endpoint| is_ours(&endpoint.url)).peekable();
        own_endpoints.peek()?;
        Some(if own_endpoints.any(|endpoint| endpoint.enabled) {
            EndpointHealth::Enabled
        } else {
            EndpointHealth::Disabled
        })
    };
    at(&|url| url == own).or_else(|| at(&|url| url.ends_with(PATH))).unwrap_or(EndpointHealth::Missing)
}

impl Services {
    /// The URL to configure at Polar for its webhooks.
    #[must_use]
    pub fn polar_webhook_url(&self) -> String {
        format!("{}{PATH}", self.config().public_url)
    }

    /// Reads the state of the webhook endpoint from Polar.
    ///
    /// # Errors
    /// [`PaymentError`] when Polar does not answer or refuses for another reason than a missing scope.
    pub async fn check_endpoint(&self) -> Result<EndpointHealth, PaymentError> {
        match self.ports().payments.webhook_endpoints().await {
            Ok(endpoints) => Ok(health_of(&endpoints, &self.polar_webhook_url())),
            Err(PaymentError::Refused { status: 401 | 403 }) => Ok(EndpointHealth::NoScope),
            Err(error) => Err(error),
        }
    }

    /// Checks the endpoint if it is due, in one process for all, and records its state. While Polar sends no webhooks, and once
    /// more after it resumes, all payments are checked within minutes instead of hours.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn check_endpoint_if_due(&self) -> Result<(), Error> {
        let now = self.now();
        let mut tx = self.store().begin().await?;
        let is_due = tx.claim_endpoint_check(now, now.plus(CHECK_EVERY)).await?;
        tx.commit().await?;
        if !is_due {
            return Ok(());
        }
        let health = match self.check_endpoint().await {
            Ok(health) => health,
            Err(error) => {
                tracing::warn!(%error, "webhook endpoint check failed");
                return Ok(());
            }
        };
        let is_silent = matches!(health, EndpointHealth::Disabled | EndpointHealth::Missing);
        if is_silent {
            let url = self.polar_webhook_url();
            tracing::error!(
                health = health.as_str(),
                url,
                "polar sends no webhooks, payments are confirmed late"
            );
        }
        let mut tx = self.store().begin().await?;
        let before = tx.find_endpoint_status().await?.as_deref().and_then(EndpointHealth::parse);
        tx.update_endpoint_status(health.as_str()).await?;
        // Once more after webhooks resume, because those lost since the last check are not sent again.
        let has_recovered = health == EndpointHealth::Enabled && before.is_some_and(|seen| seen != health);
        if is_silent || has_recovered {
            tx.request_recheck(now).await?;
        }
        tx.expedite_payment_checks(now, CHECK_EVERY, CHECKS_PER_ROUND).await?;
        Ok(tx.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_at_own_url_takes_precedence() {
        let endpoint =
            |url: &str, enabled| WebhookEndpoint { url: format!("https://{url}/webhooks/polar"), enabled };
        let own = "https://reef.example/webhooks/polar";
        let shop = WebhookEndpoint { url: "https://shop.example/hooks".to_owned(), enabled: true };
        for (endpoints, expected) in [
            (vec![], EndpointHealth::Missing),
            (vec![shop.clone()], EndpointHealth::Missing),
            (vec![shop, endpoint("reef.example", true)], EndpointHealth::Enabled),
            (
                vec![endpoint("other.example", true), endpoint("reef.example", false)],
                EndpointHealth::Disabled,
            ),
            (vec![endpoint("alias.example", false)], EndpointHealth::Disabled),
            (vec![endpoint("reef.example", false), endpoint("reef.example", true)], EndpointHealth::Enabled),
        ] {
            assert_eq!(health_of(&endpoints, own), expected, "{endpoints:?}");
        }
        for health in EndpointHealth::ALL {
            assert_eq!(EndpointHealth::parse(health.as_str()), Some(health));
        }
    }
}
