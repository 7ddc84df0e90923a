use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};
use reef_ports::{
    Checkout, CheckoutRefusal, CheckoutStatus, NewCheckout, PaymentError, Payments, SubscriptionStatus,
    WebhookEndpoint,
};
use serde_json::json;

use super::stub::{Stub, answer, unused_url};
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
async fn checkout_request_names_user_and_assistant() {
    let made = json!({"id": "co_1", "url": "https://polar.test/checkout/secret", "status": "open"});
    let stub = Stub::start([answer(201, made)]).await;
    let checkout = polar(&stub.url).create_checkout(&new_checkout()).await.unwrap();
    let url = "https://polar.test/checkout/secret".to_owned();
    assert_eq!(checkout, Checkout { id: "co_1".to_owned(), url });
    let sent = stub.drain_requests().remove(0);
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
async fn checkout_errors_are_classified() {
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
            PaymentError::CheckoutRefused { refusal, message } => {
                assert!(is_final && *refusal == CheckoutRefusal::Other, "{status}");
                assert_eq!(*message, format!("{status} X: …@example.com"));
            }
            PaymentError::Refused { .. } => panic!("{status}"),
            PaymentError::RateLimited { retry_after } => assert!(status == 429 && retry_after.is_none()),
            PaymentError::Unavailable(_) => assert!(!is_final, "{status}"),
        }
        assert!(!format!("{error} {error:?}").contains("customer"), "{error:?}");
    }
    let odd = Stub::start([answer(201, "<html>")]).await;
    for url in [odd.url, unused_url().await] {
        let error = polar(&url).create_checkout(&new_checkout()).await.unwrap_err();
        assert!(matches!(error, PaymentError::Unavailable(_)), "{error:?}");
        assert!(!format!("{error:?}").contains(&url), "{error:?}");
    }
}

#[tokio::test]
async fn subscription_is_parsed() {
    let end = "2026-03-01T12:00:00.5+01:00";
    let active = json!({"id": "s", "status": "active", "current_period_end": end, "amount": 1, "canceled_at": null,
        "ended_at": null, "metadata": {"assistant_id": ASSISTANT}, "modified_at": null, "created_at": end});
    let stub = Stub::start([
        answer(200, active),
        answer(200, json!({"id": "s", "status": "canceled", "current_period_end": null})),
        answer(200, json!({"status": "active"})),
        answer(404, json!({"error": "ResourceNotFound"})),
        answer(429, json!({"error": "RateLimited"})).with("retry-after", "7"),
    ])
    .await;
    let polar = polar(&stub.url);
    let end = Timestamp::parse("2026-03-01T11:00:00.500Z");
    let active = polar.subscription("s").await.unwrap().unwrap();
    assert_eq!(
        (active.status, active.assistant_id),
        (SubscriptionStatus::Active, AssistantId::parse(ASSISTANT))
    );
    assert_eq!((active.current_period_end, active.as_of), (end, end));
    let over = polar.subscription("s").await.unwrap().unwrap();
    assert_eq!(
        (over.status, over.assistant_id, over.current_period_end),
        (SubscriptionStatus::Ended, None, None)
    );
    assert!(matches!(polar.subscription("s").await, Err(PaymentError::Unavailable(_))));
    assert_eq!(polar.subscription("s").await.unwrap(), None);
    let rate_limited = polar.subscription("s").await.unwrap_err();
    let seven = Some(Duration::from_secs(7));
    assert!(
        matches!(rate_limited, PaymentError::RateLimited { retry_after } if retry_after == seven),
        "{rate_limited}"
    );
    assert_eq!(stub.drain_requests()[0].line(), "GET /v1/subscriptions/s");
}

#[tokio::test]
async fn objects_of_assistant_are_listed() {
    let assistant_id = AssistantId::parse(ASSISTANT).unwrap();
    let order = json!({"id": "o", "status": "refunded", "paid": true, "subscription_id": "s"});
    let endpoint =
        json!({"id": "e", "url": "https://reef.test/webhooks/polar", "enabled": false, "secret": "x"});
    let stub = Stub::start([
        answer(200, json!({"items": [{"id": "s", "status": "past_due"}], "pagination": {"total_count": 1}})),
        answer(200, json!({"items": [order], "pagination": {"total_count": 1}})),
        answer(200, json!({"items": [endpoint], "pagination": {"total_count": 1}})),
        answer(403, json!({"error": "NotPermitted"})),
        answer(200, json!({"status": "expired"})),
    ])
    .await;
    let polar = polar(&stub.url);
    assert_eq!(polar.subscriptions_of(assistant_id).await.unwrap()[0].status, SubscriptionStatus::PastDue);
    assert!(polar.orders_of(assistant_id).await.unwrap()[0].is_refunded_in_full);
    let url = "https://reef.test/webhooks/polar".to_owned();
    assert_eq!(polar.webhook_endpoints().await.unwrap(), [WebhookEndpoint { url, enabled: false }]);
    assert!(matches!(polar.webhook_endpoints().await, Err(PaymentError::Refused { status: 403 })));
    assert_eq!(polar.checkout("c/1").await.unwrap().unwrap().status, CheckoutStatus::Closed);
    let lines: Vec<_> = stub.drain_requests().iter().map(super::stub::RecordedRequest::line).collect();
    let filter = format!("metadata%5Bassistant_id%5D={ASSISTANT}&limit=100");
    assert_eq!(lines[0], format!("GET /v1/subscriptions/?{filter}"));
    assert_eq!(lines[1], format!("GET /v1/orders/?{filter}"));
    assert_eq!(
        (lines[2].as_str(), lines[4].as_str()),
        ("GET /v1/webhooks/endpoints?limit=100", "GET /v1/checkouts/c%2F1")
    );
}

#[test]
fn debug_hides_token() {
    assert!(!format!("{:?}", polar("http://h")).contains("secret"));
}

#[tokio::test]
async fn every_other_call_is_sent_and_read() {
    let price =
        json!({"amount_type": "fixed", "price_amount": 1_900, "price_currency": "usd", "is_archived": false});
    let product = json!({"id": "p", "recurring_interval": "month", "is_archived": false, "prices": [price]});
    let stub = Stub::start([
        answer(200, product),
        answer(503, json!({})),
        answer(201, json!({"customer_portal_url": "https://polar.test/portal"})),
        answer(200, json!({"id": "s"})),
    ])
    .await;
    let polar = polar(&stub.url);
    assert_eq!(polar.price("p/1").await.unwrap().map(|price| price.amount), Some(1_900));
    assert!(matches!(polar.price("p").await, Err(PaymentError::Unavailable(_))));
    let user = UserId::parse(USER).unwrap();
    let portal = polar.open_portal(user, "https://reef.test/billing").await.unwrap();
    assert_eq!(portal.as_deref(), Some("https://polar.test/portal"));
    polar.revoke_subscription("s/1").await.unwrap();
    let sent = stub.drain_requests();
    assert_eq!(
        sent.iter().map(super::stub::RecordedRequest::line).collect::<Vec<_>>(),
        [
            "GET /v1/products/p%2F1",
            "GET /v1/products/p",
            "POST /v1/customer-sessions/",
            "DELETE /v1/subscriptions/s%2F1"
        ]
    );
    let body = json!({"external_customer_id": USER, "return_url": "https://reef.test/billing"});
    assert_eq!(sent[2].json(), body);
}
