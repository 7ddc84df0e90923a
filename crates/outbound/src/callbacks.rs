//! Sends webhooks to the endpoints of customers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reef_service::ports::{CallbackSender, Outgoing, SendError};
use reqwest::dns::Resolve;
use reqwest::header::{CONTENT_TYPE, HOST};
use reqwest::{Client, Method, RequestBuilder};
use tracing::Instrument as _;
use url::{Position, Url};

use crate::guard::{Guarded, SystemResolver, check_literal, was_refused};
use crate::http::{Http, SetupError, build};
use crate::observed::Observed;
use crate::overrides::Overrides;

/// How long an endpoint may take, from the connection to the head of its response.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Sends webhooks over HTTPS to publicly routable addresses only, except for hosts that the operator overrides.
#[derive(Clone, Debug)]
pub struct Callbacks {
    guarded: Client,
    trusted: Http,
    overrides: Overrides,
    timeout: Duration,
}

impl Callbacks {
    /// Creates a sender. Webhooks to overridden hosts are sent through `http`, without the address guard.
    ///
    /// # Errors
    /// [`SetupError`] if TLS cannot be set up.
    pub fn new(http: Http, overrides: Overrides) -> Result<Self, SetupError> {
        Self::with_resolver(http, overrides, Arc::new(SystemResolver), TIMEOUT)
    }

    /// Like [`Self::new`], with another resolver behind the guard and another timeout.
    pub(crate) fn with_resolver(
        http: Http,
        overrides: Overrides,
        resolver: Arc<dyn Resolve>,
        timeout: Duration,
    ) -> Result<Self, SetupError> {
        let resolver = Arc::new(Guarded(resolver));
        // Idle connections are not kept, because each of thousands of endpoints gets a webhook only now and then.
        let guarded = build(|builder| {
            let builder = builder.https_only(true).pool_max_idle_per_host(0);
            Ok(builder.dns_resolver(Arc::clone(&resolver)))
        })?;
        Ok(Self { guarded, trusted: http, overrides, timeout })
    }

    async fn post(&self, outgoing: &Outgoing) -> Result<u16, SendError> {
        let url = Url::parse(&outgoing.url).map_err(|_| SendError::Connection)?;
        let request = if let Some(target) = self.overrides.target(&url) {
            let host = &url[Position::BeforeHost..Position::AfterPort];
            self.trusted.client().post(target).header(HOST, host)
        } else {
            check_literal(&url).map_err(|_| SendError::AddressRefused)?;
            self.guarded.post(url)
        };
        let request = request
            .timeout(self.timeout)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &outgoing.id)
            .header("webhook-timestamp", outgoing.timestamp)
            .header("webhook-signature", &outgoing.signature)
            .body(outgoing.body.clone());
        // A customer's URL may contain a secret, so no part of it is recorded.
        let observed = Observed::begin("callback", &Method::POST, "");
        let answer = exchange(request).instrument(observed.span.clone()).await;
        observed.end(answer.as_ref().map(|status| *status).map_err(reason));
        answer
    }
}

async fn exchange(request: RequestBuilder) -> Result<u16, SendError> {
    let response = request.send().await.map_err(|error| {
        if was_refused(&error) {
            SendError::AddressRefused
        } else if error.is_timeout() {
            SendError::Timeout
        } else {
            SendError::Connection
        }
    })?;
    // Only the status matters, so the body of the response is not read.
    Ok(response.status().as_u16())
}

/// The error as a label in metrics and traces.
const fn reason(error: &SendError) -> &'static str {
    match error {
        SendError::AddressRefused => "address_refused",
        SendError::Timeout => "timeout",
        SendError::Connection => "connection",
    }
}

#[async_trait]
impl CallbackSender for Callbacks {
    async fn send(&self, outgoing: &Outgoing) -> Result<u16, SendError> {
        self.post(outgoing).await
    }
}
