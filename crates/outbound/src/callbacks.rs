//! Sends webhooks to the endpoints of customers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reef_ports::{CallbackError, CallbackRequest, CallbackSender};
use reqwest::dns::Resolve;
use reqwest::header::{CONTENT_TYPE, HOST};
use reqwest::{Client, Method, RequestBuilder};
use tracing::Instrument as _;
use url::{Position, Url};

use crate::address_guard::{GuardedResolver, SystemResolver, check_literal, is_not_global};
use crate::http::{Http, SetupError, build_client};
use crate::observed_call::ObservedCall;
use crate::overrides::HostOverrides;

/// How long an endpoint may take, from the connection to the head of its response.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Sends webhooks over HTTPS to publicly routable addresses only, except for hosts that the operator overrides.
#[derive(Clone, Debug)]
pub struct HttpCallbackSender {
    guarded: Client,
    unguarded: Http,
    overrides: HostOverrides,
    timeout: Duration,
}

impl HttpCallbackSender {
    /// Creates a sender. Webhooks to overridden hosts are sent through `http`, without the address guard.
    ///
    /// # Errors
    /// [`SetupError`] if TLS cannot be set up.
    pub fn new(http: Http, overrides: HostOverrides) -> Result<Self, SetupError> {
        Self::with_resolver(http, overrides, Arc::new(SystemResolver), TIMEOUT)
    }

    /// Like [`Self::new`], with another resolver behind the guard and another timeout.
    pub(crate) fn with_resolver(
        http: Http,
        overrides: HostOverrides,
        resolver: Arc<dyn Resolve>,
        timeout: Duration,
    ) -> Result<Self, SetupError> {
        let resolver = Arc::new(GuardedResolver(resolver));
        // Idle connections are not kept, because each of thousands of endpoints gets a webhook only now and then.
        let guarded = build_client(|builder| {
            let builder = builder.https_only(true).pool_max_idle_per_host(0);
            Ok(builder.dns_resolver(Arc::clone(&resolver)))
        })?;
        Ok(Self { guarded, unguarded: http, overrides, timeout })
    }

    async fn post(&self, outgoing: &CallbackRequest) -> Result<u16, CallbackError> {
        let url = Url::parse(&outgoing.url).map_err(|_| CallbackError::Connection)?;
        let request = if let Some(target) = self.overrides.target(&url) {
            let host = &url[Position::BeforeHost..Position::AfterPort];
            self.unguarded.client().post(target).header(HOST, host)
        } else {
            check_literal(&url).map_err(|_| CallbackError::AddressRefused)?;
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
        let observed = ObservedCall::start("callback", &Method::POST, "");
        let answer = send_request(request).instrument(observed.span.clone()).await;
        observed.finish(answer.as_ref().map(|status| *status).map_err(error_label));
        answer
    }
}

async fn send_request(request: RequestBuilder) -> Result<u16, CallbackError> {
    let response = request.send().await.map_err(|error| {
        if is_not_global(&error) {
            CallbackError::AddressRefused
        } else if error.is_timeout() {
            CallbackError::Timeout
        } else {
            CallbackError::Connection
        }
    })?;
    // Only the status matters, so the body of the response is not read.
    Ok(response.status().as_u16())
}

/// The error as a label in metrics and traces.
const fn error_label(error: &CallbackError) -> &'static str {
    match error {
        CallbackError::AddressRefused => "address_refused",
        CallbackError::Timeout => "timeout",
        CallbackError::Connection => "connection",
    }
}

#[async_trait]
impl CallbackSender for HttpCallbackSender {
    async fn send(&self, outgoing: &CallbackRequest) -> Result<u16, CallbackError> {
        self.post(outgoing).await
    }
}
