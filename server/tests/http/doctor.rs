//! `reef doctor` checks every configured upstream and names those that fail.

use serde_json::json;

use crate::process::Installation;

#[tokio::test]
async fn doctor_reports_every_failing_upstream() {
    let installation = Installation::new(&[]);
    let process = installation.serve().await;
    let upstreams =
        ["polar", "prices", "managed keys", "telegram", "anthropic", "openai", "google", "openrouter"];
    let (code, report, _) = installation.run(&["doctor"], "");
    assert_eq!(code, Some(0), "{report}");
    for name in ["database", "secrets", "sandbox", "mail"].iter().chain(&upstreams) {
        assert!(report.contains(&format!("ok    {name}: ")), "{name}: {report}");
    }
    let faults = json!([{"path": "*", "status": 500, "times": 1000}]);
    let ordered = process.http.put(format!("{}/sandbox/faults", process.base)).json(&faults).send().await;
    assert_eq!(ordered.unwrap().status(), 200);
    let (code, report, error) = installation.run(&["doctor"], "");
    assert_eq!(code, Some(1), "{report}");
    for name in upstreams {
        assert!(report.contains(&format!("error {name}: ")), "{name}: {report}");
    }
    assert!(error.contains("8 checks failed"), "{error}");
}

#[tokio::test]
async fn doctor_reports_invalid_management_key() {
    let installation = Installation::new(&[]);
    let process = installation.serve().await;
    let faults = json!([{"method": "GET", "path": "*/v1/keys", "status": 403, "times": 9}]);
    let ordered = process.http.put(format!("{}/sandbox/faults", process.base)).json(&faults).send().await;
    assert_eq!(ordered.unwrap().status(), 200);
    let (code, report, _) = installation.run(&["doctor"], "");
    let line = report
        .lines()
        .find(|line| line.starts_with("error managed keys: "))
        .expect("no error about managed keys");
    assert!(code == Some(1) && line.contains("403") && line.contains("OPENROUTER_MANAGEMENT_KEY"), "{line}");
    // The managed plan is sold without a management key.
    let vars = [
        ("SANDBOX", "false"),
        ("POLAR_ACCESS_TOKEN", "polar_oat_test"),
        ("POLAR_PRODUCT_ID_MANAGED", "managed"),
        ("POLAR_API_URL", "http://127.0.0.1:1"),
        ("TELEGRAM_API_URL", "http://127.0.0.1:1"),
        ("ANTHROPIC_API_URL", "http://127.0.0.1:1"),
        ("OPENAI_API_URL", "http://127.0.0.1:1"),
        ("GOOGLE_API_URL", "http://127.0.0.1:1"),
        ("OPENROUTER_API_URL", "http://127.0.0.1:1"),
    ];
    let (_, report, _) = Installation::new(&vars).run(&["doctor"], "");
    assert!(report.contains("error managed keys: OPENROUTER_MANAGEMENT_KEY is not set"), "{report}");
}
