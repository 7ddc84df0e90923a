//! `reef doctor` asks whatever is configured, and says which of it is wrong.

use serde_json::json;

use crate::process::Installation;

#[tokio::test]
async fn every_upstream_is_asked_and_named_when_it_is_wrong() {
    let here = Installation::new(&[]);
    let process = here.serve().await;
    let upstreams =
        ["polar", "prices", "managed keys", "telegram", "anthropic", "openai", "google", "openrouter"];
    let (code, told, _) = here.run(&["doctor"], "");
    assert_eq!(code, Some(0), "{told}");
    for name in ["database", "secrets", "sandbox", "mail"].iter().chain(&upstreams) {
        assert!(told.contains(&format!("ok    {name}: ")), "{name}: {told}");
    }
    let faults = json!([{"path": "*", "status": 500, "times": 1000}]);
    let ordered = process.http.put(format!("{}/sandbox/faults", process.base)).json(&faults).send().await;
    assert_eq!(ordered.unwrap().status(), 200);
    let (code, told, error) = here.run(&["doctor"], "");
    assert_eq!(code, Some(1), "{told}");
    for name in upstreams {
        assert!(told.contains(&format!("wrong {name}: ")), "{name}: {told}");
    }
    assert!(error.contains("8 things are wrong"), "{error}");
}

#[tokio::test]
async fn a_key_that_makes_no_keys_is_told_before_somebody_buys() {
    let here = Installation::new(&[]);
    let process = here.serve().await;
    let faults = json!([{"method": "GET", "path": "*/v1/keys", "status": 403, "times": 9}]);
    let ordered = process.http.put(format!("{}/sandbox/faults", process.base)).json(&faults).send().await;
    assert_eq!(ordered.unwrap().status(), 200);
    let (code, told, _) = here.run(&["doctor"], "");
    let line = told.lines().find(|line| line.starts_with("wrong managed keys: ")).expect("a line");
    assert!(code == Some(1) && line.contains("403") && line.contains("OPENROUTER_MANAGEMENT_KEY"), "{line}");
    // Sold without any key: nobody could be served.
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
    let (_, told, _) = Installation::new(&vars).run(&["doctor"], "");
    assert!(told.contains("wrong managed keys: OPENROUTER_MANAGEMENT_KEY is not set"), "{told}");
}
