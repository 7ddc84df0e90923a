//! Builds HTTP clients, and sends requests to vendors within limits of time and size.

use std::error::Error;
use std::time::Duration;

use reef_protocols::{
    HttpError, HttpRequest, HttpResponse, Method, RESPONSE_HEADER_BYTES_MAX, RESPONSE_HEADERS,
};
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Request, RequestBuilder, Response};
use thiserror::Error;
use tracing::Instrument as _;

use crate::observed_call::{self, ObservedCall};

/// The timeout for connecting, including TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long idle connections are kept. Common servers keep them longer, so that no connection is used while its server
/// closes it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Receives the pieces of a body as they arrive, and returns whether it needs more.
pub type OnBytes<'a> = &'a mut (dyn FnMut(&[u8]) -> bool + Send);

/// The HTTP client could not be built.
#[derive(Debug, Error)]
#[error("the HTTP client could not be built")]
pub struct SetupError(#[source] reqwest::Error);

/// The HTTP client for vendors. Clones share one connection pool.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
}

impl Http {
    /// Builds the client. It uses rustls with ring for TLS, follows no redirects, and ignores proxies in the
    /// environment.
    ///
    /// # Errors
    /// [`SetupError`] if TLS cannot be set up.
    pub fn new() -> Result<Self, SetupError> {
        build_client(Ok).map(|client| Self { client })
    }

    /// The underlying client, to build requests with.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request within the limits of time and size that it names. A response with an error status is `Ok`, too.
    ///
    /// # Errors
    /// [`HttpError`] if there is no complete response.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.send_streamed(request, None).await
    }

    /// As [`Self::send`]. With `on_bytes`, the body of a response with status 200 is passed to it piece by piece as it arrives,
    /// until it returns `false`, and is not part of the returned response.
    ///
    /// # Errors
    /// [`HttpError`] if there is no complete response.
    pub async fn send_streamed(
        &self,
        request: HttpRequest,
        on_bytes: Option<OnBytes<'_>>,
    ) -> Result<HttpResponse, HttpError> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = self.client.request(method, request.url).body(request.body);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let timeout = Duration::from_millis(request.timeout_ms);
        send_observed(request.vendor, builder, timeout, request.response_bytes_max, on_bytes).await
    }
}

/// Builds a client with the common settings, changed by `adjust`.
pub(crate) fn build_client(
    adjust: impl Fn(ClientBuilder) -> Result<ClientBuilder, reqwest::Error>,
) -> Result<Client, SetupError> {
    // This fails if another client or the database driver has installed the provider, which is fine.
    drop(rustls::crypto::ring::default_provider().install_default());
    let common = || {
        let builder = Client::builder()
            .user_agent(concat!("reef/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .redirect(Policy::none())
            .no_proxy();
        adjust(builder)
    };
    let with_system_roots = common().and_then(ClientBuilder::build);
    let client = with_system_roots.or_else(|reason| {
        tracing::warn!(
            reason = reason.source().map(ToString::to_string),
            "system root certificates could not be loaded, built-in ones are used"
        );
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        let roots = roots.map(|root| Certificate::from_der(root)).collect::<Result<Vec<_>, _>>()?;
        common()?.tls_certs_only(roots).build()
    });
    client.map_err(SetupError)
}

async fn send_observed(
    vendor: &'static str,
    request: RequestBuilder,
    timeout: Duration,
    bytes_max: usize,
    on_bytes: Option<OnBytes<'_>>,
) -> Result<HttpResponse, HttpError> {
    let (client, request) = request.timeout(timeout).build_split();
    let request = request.map_err(|error| http_error(&error))?;
    let observed = ObservedCall::start(vendor, request.method(), request.url().path());
    let answer = read_response(client, request, bytes_max, on_bytes).instrument(observed.span.clone()).await;
    observed.finish(match &answer {
        Ok(answer) => Ok(answer.status),
        Err(error) => Err(observed_call::error_label(*error)),
    });
    answer
}

async fn read_response(
    client: Client,
    request: Request,
    bytes_max: usize,
    mut on_bytes: Option<OnBytes<'_>>,
) -> Result<HttpResponse, HttpError> {
    let mut response = client.execute(request).await.map_err(|error| http_error(&error))?;
    let retry_after_s = retry_after_s(&response);
    let headers = known_headers(&response);
    let status = response.status().as_u16();
    let mut body = Vec::new();
    let mut length = 0;
    while let Some(bytes) = response.chunk().await.map_err(|error| http_error(&error))? {
        length += bytes.len();
        if length > bytes_max {
            return Err(HttpError::TooLarge);
        }
        match on_bytes.as_mut().filter(|_| status == 200) {
            Some(on_bytes) => {
                if !on_bytes(&bytes) {
                    break;
                }
            }
            None => body.extend_from_slice(&bytes),
        }
    }
    Ok(HttpResponse { status, retry_after_s, headers, body })
}

/// Converts an error without its message, which contains the URL and, for Telegram, the bot token.
fn http_error(error: &reqwest::Error) -> HttpError {
    if error.is_timeout() { HttpError::Timeout } else { HttpError::Connect }
}

/// Returns the headers that say when a limit resets. Values that are not text or too long to be a time are skipped.
fn known_headers(response: &Response) -> Vec<(&'static str, String)> {
    let all = response.headers();
    let named = RESPONSE_HEADERS.iter().filter_map(|name| {
        let value = all.get(*name)?.to_str().ok()?.trim();
        (value.len() <= RESPONSE_HEADER_BYTES_MAX).then(|| (*name, value.to_owned()))
    });
    named.collect()
}

fn retry_after_s(response: &Response) -> Option<u64> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}
