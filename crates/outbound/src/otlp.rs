//! Exports traces to an OpenTelemetry collector with OTLP over HTTP, as protobuf.

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use reqwest::Client;
use tokio::runtime::Handle;

use crate::http::Http;

/// The size limit of a collector's response.
const RESPONSE_BYTES_MAX: usize = 64 * 1024;

/// Creates a tracer provider that exports to the collector which OpenTelemetry's standard environment variables name,
/// such as `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME` (default `reef`) and `OTEL_TRACES_SAMPLER`.
///
/// # Errors
/// [`ExporterBuildError`] if a variable has an invalid value.
///
/// # Panics
/// Outside a tokio runtime.
pub fn tracer_provider(http: &Http) -> Result<SdkTracerProvider, ExporterBuildError> {
    let client = RuntimeClient { client: http.client().clone(), runtime: Handle::current() };
    let exporter = SpanExporter::builder().with_http().with_http_client(client).build()?;
    let mut resource = Resource::builder();
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("reef");
    }
    Ok(SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter).build())
}

/// An HTTP client that sends its requests on the tokio runtime. The exporter calls it from a thread without a runtime.
#[derive(Debug)]
struct RuntimeClient {
    client: Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for RuntimeClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { send(&client, request).await }).await?
    }
}

async fn send(client: &Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let mut answer = client.execute(request.try_into()?).await?;
    let mut body = Vec::new();
    while let Some(bytes) = answer.chunk().await? {
        if body.len() + bytes.len() > RESPONSE_BYTES_MAX {
            return Err("the collector's response is too large".into());
        }
        body.extend_from_slice(&bytes);
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}
