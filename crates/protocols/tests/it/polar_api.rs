//! Requests to Polar, and how its responses are read.

use reef_domain::ids::UserId;
use reef_ports::{CheckoutRefusal, Interval, PaymentError, Price};
use reef_protocols::polar::{Api, read_new_checkout, read_portal_url, read_price, read_revocation};
use reef_protocols::{HttpResponse, Method};
use serde_json::{Value, json};

const USER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const API: Api<'_> = Api::new("https://polar.test", "polar_oat_secret");

fn respond(status: u16, body: &Value) -> HttpResponse {
    HttpResponse { status, retry_after_s: None, headers: Vec::new(), body: body.to_string().into_bytes() }
}

#[test]
fn rejected_checkout_has_reason() {
    use CheckoutRefusal::{Email, NotReady, OneSubscriptionOnly, Other, OtherCustomer, Product};
    let named = |name: &str, detail: &str| json!({"error": name, "detail": detail});
    let about = |loc: Value| {
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
        let error = read_new_checkout(&respond(status, &body)).unwrap_err();
        let PaymentError::CheckoutRefused { refusal, message: kept } = error else {
            panic!("{body}: {error:?}")
        };
        assert_eq!((refusal, kept.as_str()), (expected, said), "{body}");
    }
    let long = named("X", &"ä".repeat(5_000));
    let error = read_new_checkout(&respond(422, &long)).unwrap_err();
    assert!(error.to_string().chars().count() < 400);
}

#[test]
fn revoking_ended_subscription_succeeds() {
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
        assert_eq!(read_revocation(&respond(status, &body)).is_ok(), is_done, "{status}");
    }
    let request = API.revoke_subscription("s/1");
    assert_eq!(
        (request.method, request.url.as_str()),
        (Method::Delete, "https://polar.test/v1/subscriptions/s%2F1")
    );
}

#[test]
fn only_fixed_price_is_returned() {
    let fixed = |amount: i64, currency: &str| json!({"amount_type": "fixed", "price_amount": amount, "price_currency": currency, "is_archived": false});
    let product = |prices: Value| {
        json!({"id": "p", "recurring_interval": "month", "recurring_interval_count": 1, "is_archived": false,
            "prices": prices})
    };
    let metered = json!({"amount_type": "metered_unit", "unit_amount": "0.1", "price_currency": "usd"});
    let mut once = product(json!([fixed(100, "usd")]));
    once["recurring_interval"] = json!(null);
    let mut archived = product(json!([fixed(100, "usd")]));
    archived["is_archived"] = json!(true);
    for (answered, expected) in [
        (respond(200, &product(json!([fixed(1_900, "usd")]))), Some((1_900, "usd"))),
        (respond(200, &product(json!([fixed(1_800, "eur"), fixed(1_900, "usd")]))), Some((1_900, "usd"))),
        (respond(200, &product(json!([fixed(1_800, "eur")]))), Some((1_800, "eur"))),
        (respond(200, &product(json!([fixed(1_900, "usd"), metered]))), None),
        (respond(200, &product(json!([]))), None),
        (respond(200, &once), None),
        (respond(200, &archived), None),
        (respond(404, &json!({"error": "ResourceNotFound"})), None),
    ] {
        let price = read_price(&answered).unwrap();
        let expected = expected.map(|(amount, currency)| Price {
            amount,
            currency: currency.to_owned(),
            interval: Interval::Month,
            interval_count: 1,
        });
        assert_eq!(price, expected);
    }
    let down = read_price(&respond(503, &json!({})));
    assert!(matches!(down, Err(PaymentError::Unavailable(_))));
    assert_eq!(API.get_product("p/1").url, "https://polar.test/v1/products/p%2F1");
}

#[test]
fn portal_of_unknown_customer_is_none() {
    let user = UserId::parse(USER).unwrap();
    let url = "https://polar.test/acme/portal?customer_session_token=polar_cst_x";
    let issue = |field: &str| {
        json!({"error": "PolarRequestValidationError",
            "detail": [{"loc": ["body", field], "msg": "Customer does not exist.", "type": "value_error"}]})
    };
    let opened = json!({"id": "s", "token": "polar_cst_x", "customer_portal_url": url});
    assert_eq!(read_portal_url(&respond(201, &opened)).unwrap().as_deref(), Some(url));
    assert_eq!(read_portal_url(&respond(422, &issue("external_customer_id"))).unwrap(), None);
    let odd = read_portal_url(&respond(422, &issue("return_url"))).unwrap_err();
    assert!(matches!(odd, PaymentError::Refused { status: 422 }), "{odd:?}");
    let request = API.create_portal_session(user, "https://reef.test/billing");
    assert_eq!(
        (request.method, request.url.as_str()),
        (Method::Post, "https://polar.test/v1/customer-sessions/")
    );
    let body = json!({"external_customer_id": USER, "return_url": "https://reef.test/billing"});
    assert_eq!(serde_json::from_slice::<Value>(&request.body).unwrap(), body);
}
