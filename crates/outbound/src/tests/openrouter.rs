use reef_domain::{Timestamp, Usd};
use reef_ports::{ManagedKeyInfo, ManagedKeys};
use secrecy::ExposeSecret;
use serde_json::json;

use super::stub::{RecordedRequest, Stub, answer};
use crate::{Http, OpenRouterKeys};

const FIVE_DOLLARS: Usd = Usd::from_micros(5_000_000);

fn keys(url: &str) -> OpenRouterKeys {
    OpenRouterKeys::new(Http::new().unwrap(), format!("{url}/api/v1"), "sk-or-mgmt-secret".into())
}

#[tokio::test]
async fn key_is_created_listed_updated_and_deleted() {
    let listed = json!({
        "hash": "h2", "name": "reef-1", "label": "sk-or-v1-abc...xyz", "disabled": true, "limit": 7.5, "usage": 1.25,
        "created_at": "2026-02-13T12:03:21.456Z", "updated_at": null,
    });
    let stub = Stub::start([
        answer(201, json!({"data": {"hash": "h2", "name": "reef-1", "limit": 5}, "key": "sk-or-v1-new"})),
        answer(200, json!({"data": [listed, {"hash": "h1", "name": "other", "limit": null}]})),
        answer(200, json!({"data": listed})),
        answer(200, json!({"deleted": true})),
    ])
    .await;
    let keys = keys(&stub.url);
    let made = keys.create("reef-1", FIVE_DOLLARS).await.unwrap();
    assert_eq!((made.hash.as_str(), made.key.expose_secret()), ("h2", "sk-or-v1-new"));
    assert!(!format!("{made:?}").contains("sk-or"));
    let expected = ManagedKeyInfo {
        hash: "h2".to_owned(),
        name: "reef-1".to_owned(),
        disabled: true,
        limit: Some(Usd::from_micros(7_500_000)),
        used: Usd::from_micros(1_250_000),
        created_at: Timestamp::parse("2026-02-13T12:03:21.456Z"),
    };
    let page = keys.list(100).await.unwrap();
    assert_eq!((page.len(), &page[0], page[1].limit), (2, &expected, None));
    assert_eq!(keys.update("h/2", FIVE_DOLLARS, true).await.unwrap(), Some(expected));
    keys.delete("h2").await.unwrap();
    let sent = stub.drain_requests();
    let lines: Vec<_> = sent.iter().map(RecordedRequest::line).collect();
    assert_eq!(
        lines,
        [
            "POST /api/v1/keys",
            "GET /api/v1/keys?include_disabled=true&offset=100",
            "PATCH /api/v1/keys/h%2F2",
            "DELETE /api/v1/keys/h2",
        ]
    );
    assert_eq!(sent[0].json(), json!({"name": "reef-1", "limit": 5.0}));
    assert_eq!(sent[2].json(), json!({"limit": 5.0, "disabled": true}));
    assert!(sent.iter().all(|sent| sent.header("authorization") == "Bearer sk-or-mgmt-secret"));
}

#[tokio::test]
async fn unknown_key_is_none_and_other_status_is_error() {
    let stub = Stub::start([
        answer(404, "{}"),
        answer(404, "{}"),
        answer(500, "{}"),
        answer(401, "secret"),
        answer(200, "[]"),
    ])
    .await;
    let keys = keys(&stub.url);
    keys.delete("h").await.unwrap();
    assert_eq!(keys.update("h", FIVE_DOLLARS, false).await.unwrap(), None);
    assert!(keys.delete("h").await.is_err());
    let error = keys.create("n", FIVE_DOLLARS).await.unwrap_err();
    assert_eq!(error.to_string(), "managed keys unavailable: status 401");
    assert!(keys.list(0).await.is_err());
    assert!(!format!("{keys:?}").contains("secret"));
}
