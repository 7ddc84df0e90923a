//! `/metrics`: the text format, the labels and the values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::process::Installation;
use crate::support::{activation, bot_token, eventually};

/// Parses samples by name and labels, and asserts that the text is valid.
fn parse_samples(text: &str) -> BTreeMap<String, f64> {
    let (mut types, mut helped) = (BTreeMap::new(), BTreeSet::new());
    let mut samples = BTreeMap::new();
    assert!(text.ends_with('\n'));
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("the TYPE line is invalid");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} has one type");
            continue;
        }
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("the HELP line is invalid");
            assert!(!help.is_empty() && helped.insert(name.to_owned()), "{name}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("the sample has no value");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(samples.insert(series.to_owned(), value).is_none(), "{series} is there once");
        let name = series.split('{').next().unwrap();
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(is_word), "{name}");
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .filter_map(|suffix| name.strip_suffix(suffix))
            .find(|family| types.get(*family).is_some_and(|kind| kind == "histogram"))
            .unwrap_or(name);
        let kind = types.get(family).unwrap_or_else(|| panic!("{family} has no type"));
        assert!(helped.contains(family), "{family} has no help");
        assert_eq!(kind == "counter", family.ends_with("_total"), "{family} is a {kind}");
        assert!(kind != "histogram" || family.ends_with("_seconds"), "{family}");
        assert!(kind != "summary", "{family} can't be added up over replicas");
    }
    samples
}

#[tokio::test]
async fn metrics_count_one_lifecycle() {
    let installation = Installation::new(&[("SANDBOX", "true")]);
    let key = installation.customer();
    let process = installation.serve().await;
    let client = process.client(&key);
    let bought = client.send("POST", "/purchase", json!({"apiMode": "byok"})).await.data(201);
    let path = format!("/{}", bought["deploymentId"].as_str().unwrap());
    process.http.post(format!("{}/pay", bought["checkoutUrl"].as_str().unwrap())).send().await.unwrap();
    let until = async |status: &str| {
        eventually(status, async || (client.get(&path).await["status"] == status).then_some(())).await;
    };
    until("purchased").await;
    let body = crate::support::merged(
        activation(&bot_token("ok")),
        json!({"callbackUrl": "https://callbacks.sandbox.test/counted"}),
    );
    client.ok("POST", &format!("{path}/activate"), body).await;
    until("active").await;
    process.client("wrong").fails(401, "UNAUTHORIZED", "GET", "", Value::Null).await;
    let stream = client.request("GET", &format!("/api/v1/assistants{path}/events"));
    let stream = stream.header("accept", "text/event-stream").send().await.unwrap();

    let url = format!("{}/metrics", process.base);
    // The values of the database may be a few seconds old.
    let samples = eventually("the callbacks to be counted", async || {
        let answer = process.http.get(&url).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        let samples = parse_samples(&answer.text().await.unwrap());
        let is_there = samples.get("reef_webhook_attempts_total{outcome=\"delivered\"}") == Some(&2.0)
            && samples.get("reef_assistants{status=\"active\"}") == Some(&1.0);
        is_there.then_some(samples)
    })
    .await;
    let value = |series: &str| *samples.get(series).unwrap_or_else(|| panic!("no {series} in {samples:#?}"));
    assert_eq!(value("reef_deployment_duration_seconds_count{outcome=\"active\"}"), 1.0);
    assert!(value("reef_deployment_duration_seconds_sum{outcome=\"active\"}") < 20.0);
    assert_eq!(value("reef_api_errors_total{code=\"UNAUTHORIZED\"}"), 1.0);
    assert_eq!(value("reef_job_runs_total{kind=\"deploy\",outcome=\"succeeded\"}"), 1.0);
    assert_eq!(value("reef_event_streams_open"), 1.0);
    assert_eq!(value("reef_assistants{status=\"purchased\"}"), 0.0);
    assert_eq!(value("reef_database_up"), 1.0);
    for kind in ["deploy", "callback", "polar"] {
        assert_eq!(value(&format!("reef_jobs_dead{{kind=\"{kind}\"}}")), 0.0);
        assert_eq!(value(&format!("reef_jobs_overdue_seconds{{kind=\"{kind}\"}}")), 0.0);
    }
    let request = "method=\"POST\",route=\"/api/v1/assistants/{deploymentId}/activate\",status=\"2xx\"";
    assert_eq!(value(&format!("reef_http_request_duration_seconds_count{{{request}}}")), 1.0);
    // The requests are the checkout and the check of the webhook endpoint.
    assert!(value("reef_vendor_call_duration_seconds_count{vendor=\"polar\",status=\"2xx\"}") >= 2.0);
    assert_eq!(value("reef_polar_webhook_endpoint{state=\"enabled\"}"), 1.0);
    assert_eq!(value("reef_polar_webhook_endpoint{state=\"disabled\"}"), 0.0);
    assert_eq!(value("reef_revocations_open"), 0.0);
    assert_eq!(value("reef_jobs_attempts_max{kind=\"revoke_subscription\"}"), 0.0);
    assert!(value("reef_vendor_call_duration_seconds_count{vendor=\"telegram\",status=\"2xx\"}") >= 2.0);
    assert!(value("process_resident_memory_bytes") > 1e6);
    // No label contains an id.
    assert!(samples.keys().all(|series| !series.contains(&path[1..9])), "{samples:#?}");
    drop(stream);
    eventually("the stream to be closed", async || {
        let text = process.http.get(&url).send().await.unwrap().text().await.unwrap();
        (parse_samples(&text)["reef_event_streams_open"] == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn metrics_with_token_require_it() {
    let token = "a-token-for-the-scraper";
    let installation = Installation::new(&[("SANDBOX", "true"), ("METRICS_TOKEN", token)]);
    let process = installation.serve().await;
    let get = |path: &str| process.http.get(format!("{}{path}", process.base));
    for request in
        [get("/metrics"), get("/metrics").bearer_auth("another"), get(&format!("/metrics?token={token}"))]
    {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert!(!answer.text().await.unwrap().contains("reef_build_info"));
    }
    let answer = get("/metrics").bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let samples = parse_samples(&answer.text().await.unwrap());
    assert!(samples.keys().any(|series| series.starts_with("reef_build_info")));
    // The series of alerts exist before their first event, so that alerts see that event, too.
    for series in [
        "reef_workers_missing_total",
        "reef_loop_restarts_total{loop=\"jobs\"}",
        "reef_loop_restarts_total{loop=\"metrics\"}",
        "reef_sign_in_attempts_total{outcome=\"password_rejected\"}",
        "reef_webhook_attempts_total{outcome=\"given_up\"}",
        "reef_api_errors_total{code=\"UNAUTHORIZED\"}",
        "reef_api_errors_total{code=\"RATE_LIMITED\"}",
        "reef_vendor_call_duration_seconds_count{vendor=\"polar\",status=\"4xx\"}",
        "reef_deployment_duration_seconds_count{outcome=\"WORKER_START_FAILED\"}",
        "reef_http_request_duration_seconds_count{method=\"POST\",route=\"/webhooks/polar\",status=\"4xx\"}",
    ] {
        assert_eq!(samples.get(series), Some(&0.0), "{series} in {samples:#?}");
    }
    // Load balancers need no token.
    assert_eq!(get("/readyz").send().await.unwrap().status(), 200);
}
