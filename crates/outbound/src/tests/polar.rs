use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};
use reef_ports::{
    Checkout, CheckoutRefusal, Interval, NewCheckout, PaymentError, Payments, Price, WebhookEndpoint,
};
use reef_ports::{CheckoutStatus, SubscriptionStatus};
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
async fn rejected_checkout_has_reason() {
    use CheckoutRefusal::{Email, NotReady, OneSubscriptionOnly, Other, OtherCustomer, Product};
    let named = |name: &str, detail: &str| json!({"error": name, "detail": detail});
    let about = |loc: serde_json::Value| {
        let issue = json!({"loc": loc, "msg": "not fine", "type": "value_error", "input": "secret"});
        json!({"error": "PolarRequestValidationError", "detail": [issue]})
    };
    let two = json!({"error": "RequestValidationError", "detail": [
        {"loc": ["body", "locale"], "msg": "a", "type": "x"},
        {"loc": ["body", "CheckoutProductsCreate", "customer_email"], "msg": "of\nada@nowhere.example:", "type": "x"},
    ]});
    for (status, body, expected, said) in [
        (
            422,
            named("CheckoutCustomerExternalIdMismatch", "of ada@x.org"),
            OtherCustomer,
            "422 CheckoutCustomerExternalIdMismatch: of …@x.org",
        ),
        (
            403,
            named("AlreadyActiveSubscriptionError", "a"),
            OneSubscriptionOnly,
            "403 AlreadyActiveSubscriptionError: a",
        ),
        (403, named("PaymentNotReady", ""), NotReady, "403 PaymentNotReady: "),
        (404, named("ResourceNotFound", "Not found"), Product, "404 ResourceNotFound: Not found"),
        (404, json!({"detail": "Not Found"}), Other, "404 : Not Found"),
        (401, named("Unauthorized", "a"), Other, "401 Unauthorized: a"),
        (403, named("NotPermitted", "a"), Other, "403 NotPermitted: a"),
        (400, json!("oops"), Other, "400 : "),
        (422, json!({"error": 7, "detail": {"a": 1}}), Other, "422 : "),
        (422, json!({"error": "X", "detail": [1, {"loc": "body", "msg": 2}]}), Other, "422 X: : ; :"),
        (
            422,
            about(json!(["body", "products", 0])),
            Product,
            "422 PolarRequestValidationError: body.products.0: not fine",
        ),
        (
            422,
            about(json!(["body", "success_url"])),
            Other,
            "422 PolarRequestValidationError: body.success_url: not fine",
        ),
        (
            422,
            two,
            Email,
            "422 RequestValidationError: body.locale: a; body.CheckoutProductsCreate.customer_email: of …@nowhere.example:",
        ),
        // The name takes precedence over the status.
        (
            400,
            named("CheckoutCustomerExternalIdMismatch", "a"),
            OtherCustomer,
            "400 CheckoutCustomerExternalIdMismatch: a",
        ),
    ] {
        let stub = Stub::start([answer(status, &body)]).await;
        let error = polar(&stub.url).create_checkout(&new_checkout()).await.unwrap_err();
        let PaymentError::CheckoutRefused { refusal, message: kept } = error else {
            panic!("{body}: {error:?}")
        };
        assert_eq!((refusal, kept.as_str()), (expected, said), "{body}");
    }
    let long = named("X", &"ä".repeat(5_000));
    let stub = Stub::start([answer(422, long)]).await;
    let error = polar(&stub.url).create_checkout(&new_checkout()).await.unwrap_err();
    assert!(error.to_string().chars().count() < 400);
}

#[tokio::test]
async fn revoking_ended_subscription_succeeds() {
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
        assert_eq!(stub.drain_requests()[0].line(), "DELETE /v1/subscriptions/s%2F1");
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
    let slot = AssistantId::parse(ASSISTANT).unwrap();
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
    assert_eq!(polar.subscriptions_of(slot).await.unwrap()[0].status, SubscriptionStatus::PastDue);
    assert!(polar.orders_of(slot).await.unwrap()[0].is_refunded_in_full);
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
async fn only_fixed_price_is_returned() {
    let fixed = |amount: i64, currency: &str| json!({"amount_type": "fixed", "price_amount": amount, "price_currency": currency, "is_archived": false});
    let product = |prices: serde_json::Value| {
        json!({"id": "p", "recurring_interval": "month", "recurring_interval_count": 1, "is_archived": false,
            "prices": prices})
    };
    let metered = json!({"amount_type": "metered_unit", "unit_amount": "0.1", "price_currency": "usd"});
    let mut once = product(json!([fixed(100, "usd")]));
    once["recurring_interval"] = json!(null);
    let mut archived = product(json!([fixed(100, "usd")]));
    archived["is_archived"] = json!(true);
    for (answered, expected) in [
        (answer(200, product(json!([fixed(1_900, "usd")]))), Some((1_900, "usd"))),
        (answer(200, product(json!([fixed(1_800, "eur"), fixed(1_900, "usd")]))), Some((1_900, "usd"))),
        (answer(200, product(json!([fixed(1_800, "eur")]))), Some((1_800, "eur"))),
        (answer(200, product(json!([fixed(1_900, "usd"), metered]))), None),
        (answer(200, product(json!([]))), None),
        (answer(200, once), None),
        (answer(200, archived), None),
        (answer(404, json!({"error": "ResourceNotFound"})), None),
    ] {
        let stub = Stub::start([answered]).await;
        let price = polar(&stub.url).price("p/1").await.unwrap();
        let expected = expected.map(|(amount, currency)| Price {
            amount,
            currency: currency.to_owned(),
            interval: Interval::Month,
            interval_count: 1,
        });
        assert_eq!(price, expected);
        assert_eq!(stub.drain_requests()[0].line(), "GET /v1/products/p%2F1");
    }
    let down = Stub::start([answer(503, json!({}))]).await;
    assert!(matches!(polar(&down.url).price("p").await, Err(PaymentError::Unavailable(_))));
}

#[tokio::test]
async fn portal_of_unknown_customer_is_none() {
    let user = UserId::parse(USER).unwrap();
    let url = "https://polar.test/acme/portal?customer_session_token=polar_cst_x";
    let issue = |field: &str| {
        json!({"error": "PolarRequestValidationError",
            "detail": [{"loc": ["body", field], "msg": "Customer does not exist.", "type": "value_error"}]})
    };
    let stub = Stub::start([
        answer(201, json!({"id": "s", "token": "polar_cst_x", "customer_portal_url": url})),
        answer(422, issue("external_customer_id")),
        answer(422, issue("return_url")),
    ])
    .await;
    let polar = polar(&stub.url);
    assert_eq!(polar.open_portal(user, "https://reef.test/billing").await.unwrap().as_deref(), Some(url));
    assert_eq!(polar.open_portal(user, "https://reef.test/billing").await.unwrap(), None);
    let odd = polar.open_portal(user, "x").await.unwrap_err();
    assert!(matches!(odd, PaymentError::Refused { status: 422 }), "{odd:?}");
    let sent = stub.drain_requests();
    assert_eq!(sent[0].line(), "POST /v1/customer-sessions/");
    let body = json!({"external_customer_id": USER, "return_url": "https://reef.test/billing"});
    assert_eq!(sent[0].json(), body);
}
