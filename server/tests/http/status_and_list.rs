//! `GET …/status` and `GET /api/v1/assistants`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{ASSISTANTS, Body};
use crate::customer::STATUSES;
use crate::support::{App, on_both_databases};

#[tokio::test]
async fn status_has_four_fields_and_retry_after() {
    let app = App::start().await;
    let me = app.customer().await;
    for status in STATUSES {
        let id = me.in_status(status).await;
        let record = me.get(&format!("/{id}")).await;
        let answer = me.call("GET", &format!("{ASSISTANTS}/{id}/status"), Body::None).await;
        let data = answer.data(200);
        let keys: Vec<_> = data.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["id", "status", "statusMessage", "workerUrl"]);
        for key in keys {
            assert_eq!(data[key], record[key], "{key} in {status}");
        }
        assert!(answer.text.starts_with(&format!(r#"{{"data":{{"id":"{id}","status":"{status}""#)));
        assert_eq!(answer.header("retry-after"), (status == "deploying").then_some("2"), "{status}");
        assert_eq!(data["workerUrl"].is_string(), status == "active", "{status}");
        assert_eq!(data["statusMessage"].is_string(), status == "failed", "{status}");
    }
}

#[tokio::test]
async fn list_of_new_account_is_empty() {
    let app = App::start().await;
    assert_eq!(app.customer().await.get("").await, json!([]));
}

on_both_databases! {
    async fn list_is_newest_first(app) {
        let me = app.customer().await;
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.push(me.purchase("byok").await.0);
        }
        // Assistants that were created at the same time are ordered by id.
        app.backdate_order(&ids[0], Duration::from_secs(60)).await;
        app.backdate_order(&ids[3], Duration::from_secs(600)).await;
        let list = me.get("").await;
        let found: Vec<_> = list.as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap()).collect();
        assert_eq!(found, [&ids[2], &ids[1], &ids[0], &ids[3]]);
        for record in list.as_array().unwrap() {
            assert_eq!(record, &me.get(&format!("/{}", record["id"].as_str().unwrap())).await);
        }
    }

    async fn unpaid_slot_is_listed_for_one_hour(app) {
        let me = app.customer().await;
        let (old, young, paid) = (me.purchase("byok").await, me.purchase("byok").await.0, me.purchased("byok").await);
        app.backdate_order(&old.0, Duration::from_secs(3601)).await;
        app.backdate_order(&young, Duration::from_secs(3540)).await;
        app.backdate_order(&paid, Duration::from_secs(100 * 3600)).await;
        let ids = |list: Value| list.as_array().unwrap().iter().map(|a| a["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(me.get("").await), [json!(young), json!(paid)]);
        assert_eq!(me.get(&format!("/{}", old.0)).await["status"], "pending_payment");
        me.get(&format!("/{}/status", old.0)).await;
        // A late payment still counts.
        assert_eq!(me.press(&old.1, "pay").await, 303);
        me.wait_for_status(&old.0, "purchased").await;
        assert_eq!(ids(me.get("").await), [json!(young), json!(old.0), json!(paid)]);
    }
}
