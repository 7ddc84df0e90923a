//! Whether Polar still sends its webhooks: it stops by itself after ten failures in a row, and says so to nobody.

use std::time::Duration;

use crate::error::Error;
use crate::ports::{PaymentError, WebhookEndpoint};
use crate::services::Services;

/// How often the endpoint is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// While no webhooks come, so many asks are due until the next look: three quarters of what the pace allows, so that
/// purchases find room beside them.
const ASKS_PER_LOOK: u32 = 75;
/// Where webhooks are taken in.
const PATH: &str = "/webhooks/polar";

/// How Polar's webhook endpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointHealth {
    /// Webhooks are sent.
    Enabled,
    /// Polar has stopped sending them.
    Disabled,
    /// Polar knows of no endpoint here.
    Missing,
    /// The token may not look.
    NoScope,
}

impl EndpointHealth {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Enabled, Self::Disabled, Self::Missing, Self::NoScope];

    /// In a word, as stored and as metrics name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Missing => "missing",
            Self::NoScope => "no_scope",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|health| health.as_str() == text)
    }
}

/// Of several endpoints, the one at Reef's own URL counts; behind another name of the host, those with its path.
fn judge(endpoints: &[WebhookEndpoint], own: &str) -> EndpointHealth {
    let at = |is_ours: &dyn Fn(&str) -> bool| {
        let mut ours = endpoints.iter().filter(|endpoint| is_ours(&endpoint.url)).peekable();
        ours.peek()?;
        Some(if ours.any(|endpoint| endpoint.enabled) {
            EndpointHealth::Enabled
        } else {
            EndpointHealth::Disabled
        })
    };
    at(&|url| url == own).or_else(|| at(&|url| url.ends_with(PATH))).unwrap_or(EndpointHealth::Missing)
}

impl Services {
    /// The URL that Polar's webhooks are to be sent to.
    #[must_use]
    pub fn polar_webhook_url(&self) -> String {
        format!("{}{PATH}", self.config().public_url)
    }

    /// Asks Polar how its webhook endpoint stands.
    ///
    /// # Errors
    /// [`PaymentError`] when Polar does not say, for another reason than the token's scopes.
    pub async fn look_at_endpoint(&self) -> Result<EndpointHealth, PaymentError> {
        match self.ports().payments.webhook_endpoints().await {
            Ok(endpoints) => Ok(judge(&endpoints, &self.polar_webhook_url())),
            Err(PaymentError::Refused { status: 401 | 403 }) => Ok(EndpointHealth::NoScope),
            Err(error) => Err(error),
        }
    }

    /// Looks at the endpoint when it is time to, one process for all, and notes what is seen. While Polar sends no
    /// webhooks, and once more when it does again, everything is asked about within minutes instead of hours.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn watch_endpoint(&self) -> Result<(), Error> {
        let now = self.now();
        let mut tx = self.store().begin().await?;
        let is_due = tx.claim_endpoint_look(now, now.plus(LOOK_EVERY)).await?;
        tx.commit().await?;
        if !is_due {
            return Ok(());
        }
        let health = match self.look_at_endpoint().await {
            Ok(health) => health,
            Err(error) => {
                tracing::warn!(%error, "polar does not say how its webhook endpoint stands");
                return Ok(());
            }
        };
        let is_silent = matches!(health, EndpointHealth::Disabled | EndpointHealth::Missing);
        if is_silent {
            let url = self.polar_webhook_url();
            tracing::error!(health = health.as_str(), url, "polar sends no webhooks; payments arrive late");
        }
        let mut tx = self.store().begin().await?;
        let before = tx.endpoint_seen().await?.as_deref().and_then(EndpointHealth::parse);
        tx.set_endpoint_seen(health.as_str()).await?;
        // Once more when they come again: what was lost since the last ask does not come.
        let is_back = health == EndpointHealth::Enabled && before.is_some_and(|seen| seen != health);
        if is_silent || is_back {
            tx.ask_all_anew(now).await?;
        }
        tx.hasten_asks(now, LOOK_EVERY, ASKS_PER_LOOK).await?;
        Ok(tx.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_endpoint_counts() {
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
            assert_eq!(judge(&endpoints, own), expected, "{endpoints:?}");
        }
        for health in EndpointHealth::ALL {
            assert_eq!(EndpointHealth::parse(health.as_str()), Some(health));
        }
    }
}
