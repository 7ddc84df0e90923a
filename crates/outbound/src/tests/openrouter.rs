use reef_service::ports::ManagedKeys;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::stub::{Sent, Stub, answer};
use crate::{Http, OpenRouterKeys};

fn keys(url: &str) -> OpenRouterKeys {
    OpenRouterKeys::new(Http::new().unwrap(), format!("{url}/api/v1"), "sk-or-mgmt-secret".into())
}

fn page(names: impl IntoIterator<Item = String>) -> Value {
    let data: Vec<_> =
        names.into_iter().map(|name| json!({"hash": format!("h-{name}"), "name": name})).collect();
    json!({"data": data})
}

#[tokio::test]
async fn a_key_is_made_and_a_leftover_of_its_name_ended() {
    let others = (0..100).map(|i| format!("other-{i}"));
    let stub = Stub::start([
        answer(200, page(others)),
        answer(200, page(["reef-1".to_owned()])),
        answer(200, json!({"deleted": true})),
        answer(201, json!({"data": {"hash": "h2", "name": "reef-1", "limit": 5}, "key": "sk-or-v1-new"})),
    ])
    .await;
    let made = keys(&stub.url).create("reef-1", 5.0).await.unwrap();
    assert_eq!((made.hash.as_str(), made.key.expose_secret()), ("h2", "sk-or-v1-new"));
    assert!(!format!("{made:?}").contains("sk-or"));
    let sent = stub.sent();
    let lines: Vec<_> = sent.iter().map(Sent::line).collect();
    assert_eq!(
        lines,
        [
            "GET /api/v1/keys?include_disabled=true&offset=0",
            "GET /api/v1/keys?include_disabled=true&offset=100",
            "DELETE /api/v1/keys/h-reef-1",
            "POST /api/v1/keys",
        ]
    );
    assert_eq!(sent[3].json(), json!({"name": "reef-1", "limit": 5.0}));
    assert!(sent.iter().all(|sent| sent.header("authorization") == "Bearer sk-or-mgmt-secret"));
}

#[tokio::test]
async fn the_look_for_leftovers_ends() {
    let full = || answer(200, page((0..100).map(|i| format!("other-{i}"))));
    let mut answers: Vec<_> = (0..10).map(|_| full()).collect();
    answers.push(answer(201, json!({"data": {"hash": "h", "name": "n"}, "key": "k"})));
    let stub = Stub::start(answers).await;
    keys(&stub.url).create("n", 1.0).await.unwrap();
    assert_eq!(stub.sent().len(), 11);
}

#[tokio::test]
async fn an_unknown_key_is_ended_and_anything_else_is_said() {
    let stub =
        Stub::start([answer(200, "{}"), answer(404, "{}"), answer(500, "{}"), answer(401, "secret")]).await;
    let keys = keys(&stub.url);
    keys.delete("h").await.unwrap();
    keys.delete("h").await.unwrap();
    assert!(keys.delete("h").await.is_err());
    let error = keys.create("n", 1.0).await.unwrap_err();
    assert_eq!(error.to_string(), "managed keys unavailable: status 401");
    assert!(!format!("{keys:?}").contains("secret"));
}
