use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};
use reef_service::ports::{Checkout, NewCheckout, PaymentError, Payments, Subscription};
use serde_json::json;

use super::stub::{Stub, answer, nobody};
use crate::{Http, Polar};

const USER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const ASSISTANT: &str = "01890a5d-ac96-774b-bcce-b302099a8058";

fn polar(url: &str) -> Polar {
    Polar::new(Http::new().unwrap(), url.to_owned(), "polar_oat_secret".into())
}

fn new_checkout() -> NewCheckout {
    NewCheckout {
        assistant_id: AssistantId::parse(ASSISTANT).unwrap(),
        user_id: UserId::parse(USER).unwrap(),
        product: "prod".to_owned(),
        success_url: "https://reef.test/done?checkout_id={CHECKOUT_ID}".to_owned(),
        return_url: "https://reef.test/".to_owned(),
    }
}

#[tokio::test]
async fn a_checkout_is_made_with_everything_that_leads_back_to_the_slot() {
    let made = json!({"id": "co_1", "url": "https://polar.test/checkout/secret", "status": "open"});
    let stub = Stub::start([answer(201, made)]).await;
    let checkout = polar(&stub.url).create_checkout(&new_checkout()).await.unwrap();
    let url = "https://polar.test/checkout/secret".to_owned();
    assert_eq!(checkout, Checkout { id: "co_1".to_owned(), url });
    let sent = stub.sent().remove(0);
    assert_eq!(sent.line(), "POST /v1/checkouts/");
    assert_eq!(sent.header("authorization"), "Bearer polar_oat_secret");
    assert_eq!(sent.header("polar-version"), "2026-10");
    assert_eq!(sent.header("user-agent"), concat!("reef/", env!("CARGO_PKG_VERSION")));
    let body = json!({
        "products": ["prod"],
        "external_customer_id": USER,
        "metadata": {"assistant_id": ASSISTANT, "user_id": USER},
        "success_url": "https://reef.test/done?checkout_id={CHECKOUT_ID}",
        "return_url": "https://reef.test/",
    });
    assert_eq!(sent.json(), body);
}

#[tokio::test]
async fn refusals_and_outages_are_told_apart() {
    for (status, is_final) in [
        (401, true),
        (403, true),
        (404, true),
        (422, true),
        (302, true),
        (409, false),
        (429, false),
        (503, false),
    ] {
        let stub =
            Stub::start([answer(status, json!({"error": "X", "detail": "customer@example.com"}))]).await;
        let error = polar(&stub.url).create_checkout(&new_checkout()).await.unwrap_err();
        match &error {
            PaymentError::Refused { status: told } => assert!(is_final && *told == status, "{status}"),
            PaymentError::Unavailable(_) => assert!(!is_final, "{status}"),
        }
        assert!(!format!("{error} {error:?}").contains("customer"), "{error:?}");
    }
    let odd = Stub::start([answer(201, "<html>")]).await;
    for url in [odd.url, nobody().await] {
        let error = polar(&url).create_checkout(&new_checkout()).await.unwrap_err();
        assert!(matches!(error, PaymentError::Unavailable(_)), "{error:?}");
        assert!(!format!("{error:?}").contains(&url), "{error:?}");
    }
}

#[tokio::test]
async fn a_subscription_that_is_over_already_is_revoked() {
    let over = json!({"error": "AlreadyCanceledSubscription", "detail": "…"});
    let forbidden = json!({"error": "NotPermitted", "detail": "…"});
    let locked = json!({"error": "SubscriptionLocked", "detail": "…"});
    for (status, body, is_done) in [
        (200, json!({"id": "s"}), true),
        (404, json!({"error": "ResourceNotFound"}), true),
        (403, over, true),
        (403, forbidden, false),
        (409, locked, false),
        (500, json!("oops"), false),
    ] {
        let stub = Stub::start([answer(status, body)]).await;
        assert_eq!(polar(&stub.url).revoke_subscription("s/1").await.is_ok(), is_done, "{status}");
        assert_eq!(stub.sent()[0].line(), "DELETE /v1/subscriptions/s%2F1");
    }
}

#[tokio::test]
async fn a_subscription_is_looked_up() {
    let end = "2026-03-01T12:00:00.5+01:00";
    let stub = Stub::start([
        answer(200, json!({"id": "s", "status": "active", "current_period_end": end, "amount": 1})),
        answer(200, json!({"id": "s", "status": "canceled", "current_period_end": null})),
        answer(200, json!({"id": "s", "status": "active", "current_period_end": "soon"})),
        answer(404, json!({"error": "ResourceNotFound"})),
    ])
    .await;
    let polar = polar(&stub.url);
    let end = Timestamp::parse("2026-03-01T11:00:00.500Z");
    let active = Subscription { id: "s".to_owned(), active: true, current_period_end: end };
    assert_eq!(polar.subscription("s").await.unwrap(), Some(active));
    let over = Subscription { id: "s".to_owned(), active: false, current_period_end: None };
    assert_eq!(polar.subscription("s").await.unwrap(), Some(over));
    assert!(matches!(polar.subscription("s").await, Err(PaymentError::Unavailable(_))));
    assert_eq!(polar.subscription("s").await.unwrap(), None);
    assert_eq!(stub.sent()[0].line(), "GET /v1/subscriptions/s");
}

#[test]
fn the_token_is_not_shown() {
    assert!(!format!("{:?}", polar("http://h")).contains("secret"));
}
