//! Ids that do not exist and ids of other accounts get the same response.

use serde_json::{Value, json};

use crate::client::Body;
use crate::endpoints::Endpoint;
use crate::support::App;

#[tokio::test]
async fn unknown_and_foreign_ids_return_404() {
    let app = App::start().await;
    let (me, someone_else) = (app.customer().await, app.customer().await);
    let foreign = someone_else.in_status("active").await;
    let deleted = me.in_status("purchased").await;
    me.ok("DELETE", &format!("/{deleted}"), Value::Null).await;
    let mine = me.in_status("stopped").await;
    let ids = [
        foreign.as_str(),
        &deleted,
        "01890a5d-ac96-774b-bcce-b302099a8057",
        "00000000-0000-0000-0000-000000000000",
        "dep_1234567890abcdef",
        "nonsense",
        "-1",
        "null",
        &mine.to_uppercase(),
        &mine.replace('-', ""),
        &format!("%7B{mine}%7D"),
        &format!("urn:uuid:{mine}"),
        &format!("{mine}%20"),
        &format!("{mine}%00"),
        &format!("{mine}%0A"),
        &format!("{mine}%2Fstatus"),
        "%ff",
        "%F0%9F%A6%80",
        "'%20or%201=1--",
        &"x".repeat(2000),
    ];
    let expected = json!({"error": {"code": "NOT_FOUND", "message": "Deployment not found"}}).to_string();
    for endpoint in Endpoint::with_assistant_id() {
        for id in ids {
            // NOT_FOUND comes before INVALID_REQUEST, because only the owner may learn about the body.
            let bad = ["{", r#"{"surprise":1}"#, "[]", "null"].map(Body::Raw);
            let bodies = [Body::None, Body::Json(endpoint.good_body())];
            for body in bodies.into_iter().chain(if endpoint.has_body() { bad.into() } else { vec![] }) {
                let answer = me.call(endpoint.method, &endpoint.at(id), body).await;
                assert_eq!((answer.status, &answer.text), (404, &expected), "{endpoint:?} {id}");
            }
        }
    }
    assert_eq!(someone_else.get(&format!("/{foreign}")).await["status"], "active");
    assert_eq!(me.get(&format!("/{mine}")).await["status"], "stopped");
}

#[tokio::test]
async fn list_contains_only_own_assistants() {
    let app = App::start().await;
    let (me, someone_else) = (app.customer().await, app.customer().await);
    let mine = me.purchase("byok").await.0;
    let foreign = someone_else.purchase("byok").await.0;
    let ids = |list: Value| list.as_array().unwrap().iter().map(|a| a["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(me.get("").await), [json!(mine)]);
    assert_eq!(ids(someone_else.get("").await), [json!(foreign)]);
}
