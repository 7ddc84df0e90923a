//! Traces at a collector: one trace covers a request, its job and the requests to vendors.

use data_encoding::HEXLOWER;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;

use crate::callbacks::Receiver;
use crate::process::Installation;
use crate::support::{activation, bot_token, eventually};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// All spans that the collector has received.
fn spans(collector: &Receiver) -> Vec<Span> {
    let decode = |body: &[u8]| ExportTraceServiceRequest::decode(body).expect("the request is not OTLP");
    let requests = collector.got().into_iter().map(|(_, body)| decode(&body));
    requests
        .flat_map(|request| request.resource_spans)
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect()
}

// The collector needs another thread, because waiting for the process blocks this one.
#[tokio::test(flavor = "multi_thread")]
async fn trace_covers_request_job_and_vendors() {
    let (collector, at) = Receiver::start(&[]).await;
    let at = at.strip_prefix("hooks.test=").unwrap();
    let installation = Installation::new(&[
        ("SANDBOX", "true"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", at),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        // The log filter does not affect traces.
        ("RUST_LOG", "error"),
    ]);
    let key = installation.customer();
    let mut process = installation.serve().await;
    let client = process.client(&key);
    let bought = client.send("POST", "/purchase", json!({"apiMode": "byok"})).await.data(201);
    let path = format!("/{}", bought["deploymentId"].as_str().unwrap());
    process.http.post(format!("{}/pay", bought["checkoutUrl"].as_str().unwrap())).send().await.unwrap();
    let until = async |status: &str| {
        eventually(status, async || (client.get(&path).await["status"] == status).then_some(())).await;
    };
    until("purchased").await;
    let token = bot_token("ok");
    let activate = client.request("POST", &format!("/api/v1/assistants{path}/activate"));
    let activate = activate.header("traceparent", format!("00-{TRACE}-{CALLER}-01"));
    assert_eq!(activate.json(&activation(&token)).send().await.unwrap().status(), 200);
    until("active").await;
    // The process sends the last spans before it exits.
    let (code, took) = process.terminate();
    assert!(code == Some(0) && took.as_secs() < 15, "{code:?} after {took:?}");

    let all = spans(&collector);
    let ours: Vec<_> = all.iter().filter(|span| HEXLOWER.encode(&span.trace_id) == TRACE).collect();
    let names: Vec<_> = ours.iter().map(|span| span.name.as_str()).collect();
    let call = ours.iter().find(|span| span.name.ends_with("/{id}/setWebhook"));
    let mut span: &Span = call.unwrap_or_else(|| panic!("no call to Telegram in {names:?}"));
    let mut way = Vec::new();
    loop {
        way.push(span.name.clone());
        let parent = ours.iter().find(|other| other.span_id == span.parent_span_id);
        match parent {
            Some(parent) => span = parent,
            None => break,
        }
    }
    assert_eq!(way[1..], ["job", "activate", "POST /api/v1/assistants/{deploymentId}/activate"], "{names:?}");
    assert_eq!(HEXLOWER.encode(&span.parent_span_id), CALLER, "the caller's trace is continued");
    let model =
        ours.iter().find(|span| span.name.starts_with("anthropic GET")).expect("no request to the model");
    let status = model.attributes.iter().find(|attribute| attribute.key == "http.response.status_code");
    assert!(format!("{status:?}").contains("200"), "{model:?}");
    // Other requests have other traces.
    assert!(
        all.iter()
            .any(|span| span.name.starts_with("polar POST") && HEXLOWER.encode(&span.trace_id) != TRACE)
    );
    let text = format!("{all:?}");
    for secret in [token.split(':').next_back().unwrap(), "sk-ant-0123456789abcdef", key.as_str()] {
        assert!(!text.contains(secret), "a secret is in a span");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_collector_does_not_affect_service() {
    let installation =
        Installation::new(&[("SANDBOX", "true"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]);
    let key = installation.customer();
    let mut process = installation.serve().await;
    process.client(&key).send("POST", "/purchase", json!({"apiMode": "byok"})).await.data(201);
    let (code, took) = process.terminate();
    assert!(code == Some(0) && took.as_secs() < 15, "{code:?} after {took:?}");
}
