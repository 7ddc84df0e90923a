//! `POST /webhooks/polar`: valid and invalid signatures, duplicates and unknown types.

use reef_sandbox::DEFAULT_POLAR_WEBHOOK_SECRET;
use reqwest::StatusCode;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::support::{App, eventually, on_both_databases};

/// The signature headers of a webhook.
#[derive(Clone)]
struct SignatureHeaders {
    id: String,
    at: i64,
    signature: String,
}

/// Signs a body in Polar's older scheme, in which the text of the secret is the key.
fn sign(id: &str, at: i64, body: &str) -> SignatureHeaders {
    let webhook = Webhook::from_bytes(DEFAULT_POLAR_WEBHOOK_SECRET.as_bytes().to_vec()).unwrap();
    let signature = webhook.sign(id, at, body.as_bytes()).unwrap();
    SignatureHeaders { id: id.to_owned(), at, signature }
}

async fn post(app: &App, by: &SignatureHeaders, body: &str) -> (StatusCode, Value) {
    let request = app.http.post(app.url("/webhooks/polar")).body(body.to_owned());
    let request = request.header("webhook-id", &by.id).header("webhook-timestamp", by.at);
    let answer = request.header("webhook-signature", &by.signature).send().await.unwrap();
    (answer.status(), serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

fn payment_body(id: &str, subscription: &str) -> String {
    let data = json!({"id": subscription, "status": "active", "metadata": {"assistant_id": id}});
    json!({"type": "subscription.active", "data": data}).to_string()
}

on_both_databases! {
    async fn signed_webhook_is_processed_once(app) {
        let me = app.customer().await;
        let (id, _) = me.purchase("byok").await;
        let now = app.services.now().unix_seconds();
        let body = payment_body(&id, "sub_by_hand");
        let by = sign("wh_1", now, &body);
        for _ in 0..3 {
            assert_eq!(post(&app, &by, &body).await.0, 202);
        }
        let slot = me.wait_for_status(&id, "purchased").await;
        assert_eq!(slot["polarSubscriptionId"], "sub_by_hand");
        // Unknown types and objects of unknown assistants are accepted, too.
        for (n, body) in [json!({"type": "benefit.created", "data": {}}), json!({"type": "order.paid", "data": {}})]
            .iter()
            .enumerate()
        {
            let body = body.to_string();
            assert_eq!(post(&app, &sign(&format!("wh_odd_{n}"), now, &body), &body).await.0, 202, "{body}");
        }
        // They do not block later webhooks.
        let (next, _) = me.purchase("byok").await;
        let body = payment_body(&next, "sub_after");
        assert_eq!(post(&app, &sign("wh_2", now, &body), &body).await.0, 202);
        me.wait_for_status(&next, "purchased").await;
    }

    async fn forged_webhook_returns_401_and_stores_nothing(app) {
        let me = app.customer().await;
        let (id, _) = me.purchase("byok").await;
        let now = app.services.now().unix_seconds();
        let body = payment_body(&id, "sub_forged");
        let good = sign("wh_1", now, &body);
        let other_secret = Webhook::from_bytes(b"another secret".to_vec()).unwrap();
        let forged = [
            SignatureHeaders { signature: other_secret.sign("wh_1", now, body.as_bytes()).unwrap(), ..good.clone() },
            SignatureHeaders { signature: String::new(), ..good.clone() },
            SignatureHeaders { signature: good.signature.replace("v1,", "v2,"), ..good.clone() },
            SignatureHeaders { id: "wh_other".to_owned(), ..good.clone() },
            SignatureHeaders { at: now - 1, ..good.clone() },
            // Valid signatures whose timestamp is more than 5 minutes in the past or in the future.
            sign("wh_1", now - 310, &body),
            sign("wh_1", now + 310, &body),
        ];
        for by in &forged {
            let (status, answer) = post(&app, by, &body).await;
            assert_eq!((status.as_u16(), &answer["error"]["code"]), (401, &json!("UNAUTHORIZED")));
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.contains("signature") && !message.contains("API key"), "{message}");
        }
        assert_eq!(post(&app, &good, &payment_body(&id, "sub_changed")).await.0, 401);
        assert_eq!(app.http.post(app.url("/webhooks/polar")).body(body.clone()).send().await.unwrap().status(), 401);
        // Nothing was stored, so a valid webhook with the same id is still accepted.
        assert_eq!(me.get(&format!("/{id}")).await["paymentStatus"], "pending");
        assert_eq!(post(&app, &good, &body).await.0, 202);
        let slot = eventually("the payment", async || {
            Some(me.get(&format!("/{id}")).await).filter(|slot| slot["paymentStatus"] == "paid")
        })
        .await;
        assert_eq!(slot["polarSubscriptionId"], "sub_forged");
    }
}

#[tokio::test]
async fn webhook_without_configured_secret_returns_401() {
    let app = App::start_with(&[("SANDBOX", "false")]).await;
    let body = payment_body("01890a5d-ac96-774b-bcce-b302099a8057", "sub_1");
    let by = sign("wh_1", app.services.now().unix_seconds(), &body);
    assert_eq!(post(&app, &by, &body).await.0, 401);
    assert_eq!(app.http.get(app.url("/webhooks/polar")).send().await.unwrap().status(), 405);
}
