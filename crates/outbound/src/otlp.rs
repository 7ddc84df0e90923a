//! Traces on their way to an OpenTelemetry collector: OTLP over HTTP, as protobuf.

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use reqwest::Client;
use tokio::runtime::Handle;

use crate::http::Http;

/// How much of a collector's answer is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A provider of tracers whose spans go to the collector that the standard variables name: `OTEL_EXPORTER_OTLP_ENDPOINT`
/// and its like, `OTEL_SERVICE_NAME` (else `reef`), `OTEL_TRACES_SAMPLER`. To be called inside the runtime.
///
/// # Errors
/// [`ExporterBuildError`] when a variable can't be used.
pub fn traces(http: &Http) -> Result<SdkTracerProvider, ExporterBuildError> {
    let client = OnRuntime { client: http.client().clone(), runtime: Handle::current() };
    let exporter = SpanExporter::builder().with_http().with_http_client(client).build()?;
    let mut resource = Resource::builder();
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("reef");
    }
    Ok(SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter).build())
}

/// Spans are sent by a thread of their own, which has no runtime: the calls are made on ours.
#[derive(Debug)]
struct OnRuntime {
    client: Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { send(&client, request).await }).await?
    }
}

async fn send(client: &Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let mut answer = client.execute(request.try_into()?).await?;
    let mut body = Vec::new();
    while let Some(bytes) = answer.chunk().await? {
        if body.len() + bytes.len() > ANSWER_BYTES_MAX {
            return Err("the collector's answer is too large".into());
        }
        body.extend_from_slice(&bytes);
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}
