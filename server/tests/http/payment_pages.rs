//! What pages say about payments, and the actions that they offer.

use serde_json::{Value, json};

use crate::customer::Customer;
use crate::pages::{hidden, outcome, page};
use crate::sessions::session_cookie;
use crate::support::App;

/// Phrases that must not appear while a payment may have been made.
const UNPAID: [&str; 6] = [
    "not paid",
    "Not paid",
    "Finish the checkout",
    "nothing was charged",
    "Nothing was charged",
    "haven’t been charged",
];

/// Buys and pays for a slot at Polar, while its webhooks are lost and its API fails.
async fn pay_without_webhooks(app: &App, me: &Customer<'_>) -> String {
    let silent = json!([
        {"path": "/webhooks/polar", "drop": true, "times": 1000},
        {"path": "/sandbox/polar/v1/orders*", "status": 500, "times": 1000},
        {"path": "/sandbox/polar/v1/subscriptions*", "status": 500, "times": 1000},
    ]);
    app.faults(silent).await;
    let (id, checkout) = me.purchase("byok").await;
    assert_eq!(me.press(&checkout, "pay").await, 303);
    assert_eq!(me.get(&format!("/{id}")).await["status"], "pending_payment");
    id
}

async fn change_subscription(app: &App, me: &Customer<'_>, id: &str, what: &str, status: &str) {
    let record = me.get(&format!("/{id}")).await;
    let subscription = record["polarSubscriptionId"].as_str().expect("the assistant has no subscription");
    let path = format!("/sandbox/polar/subscriptions/{subscription}/{what}");
    assert!(app.http.post(app.url(&path)).send().await.unwrap().status().is_success(), "{what}");
    me.wait_for_field(id, "paymentStatus", json!(status)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unconfirmed_payment_is_never_shown_as_unpaid() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = pay_without_webhooks(&app, &me).await;
    let one = format!("/assistants/{id}");
    let shown = page(&app, &cookie, &one).await;
    assert!(shown.contains("Your payment is being confirmed"), "{shown}");
    assert!(shown.contains(">Confirming payment<"), "the badge shows the same status");
    for path in
        [&*one, &format!("{one}?checkout_id=x"), "/assistants", "/billing", "/assistants/new", "/keys"]
    {
        let shown = page(&app, &cookie, path).await;
        for words in UNPAID {
            assert!(!shown.contains(words), "{path}: {words}");
        }
    }
    // The assistant can be deleted, and the page offers no action that would be rejected.
    assert!(shown.contains("Delete permanently"));
    for offered in [">Redeploy<", ">Stop<", ">Activate<", ">Edit<"] {
        assert!(!shown.contains(offered), "{offered}");
    }
    // The receipt of the deletion does not claim that nothing was charged.
    me.ok("DELETE", &format!("/{id}"), Value::Null).await;
    let receipt = page(&app, &cookie, &format!("/receipts/{id}")).await;
    assert!(!receipt.contains("nothing was charged"), "{receipt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_checkout_page_shows_no_pending_payment() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let (id, checkout) = me.purchase("byok").await;
    let path = format!("/assistants/{id}");
    let shown = page(&app, &cookie, &path).await;
    assert!(shown.contains("Your checkout is still open") && !shown.contains("being confirmed"), "{shown}");
    assert_eq!(me.press(&checkout, "expire").await, 200);
    let shown = page(&app, &cookie, &path).await;
    assert!(shown.contains("This checkout expired") && !shown.contains("checkout is still open"), "{shown}");
    let broken = json!([{"path": "/sandbox/polar/v1/checkouts/*", "status": 500, "times": 100}]);
    app.faults(broken).await;
    let shown = page(&app, &cookie, &path).await;
    assert!(shown.contains("We can’t confirm your payment yet"), "{shown}");
    for words in UNPAID {
        assert!(!shown.contains(words), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn past_due_is_shown_with_update_card_button() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    for status in ["active", "stopped"] {
        let id = me.in_status(status).await;
        change_subscription(&app, &me, &id, "past_due", "past_due").await;
        let shown = page(&app, &cookie, &format!("/assistants/{id}")).await;
        let top = shown.split("class=\"split\"").next().expect("the page has no top");
        assert!(top.contains("Payment failed") && top.contains(">Update card</button>"), "{status}: {top}");
        let (_, form) = top.split_once("action=\"/_fn/open_portal\"").expect("the form is missing");
        assert!(form.contains(">Update card</button>"));
        for list in ["/assistants", "/billing"] {
            let shown = page(&app, &cookie, list).await;
            assert!(shown.contains("badge bad\">Past due<"), "{list}: {shown}");
        }
        // The notice disappears after the payment.
        change_subscription(&app, &me, &id, "renew", "paid").await;
        assert!(!page(&app, &cookie, &format!("/assistants/{id}")).await.contains("Update card"));
        me.ok("DELETE", &format!("/{id}"), Value::Null).await;
    }
}

/// The page offers “Save without deploying” when nothing can be deployed, and this also saves the webhook URL.
#[tokio::test(flavor = "multi_thread")]
async fn callback_url_of_unpaid_assistant_is_saved() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    for (status, what, payment) in
        [("stopped", "refund", "refunded"), ("failed", "refund", "refunded"), ("stopped", "pause", "paused")]
    {
        let id = me.in_status(status).await;
        change_subscription(&app, &me, &id, what, payment).await;
        let path = format!("/assistants/{id}");
        let shown = page(&app, &cookie, &path).await;
        assert!(
            shown.contains(">Save without deploying</button>") && !shown.contains(">Save and "),
            "{shown}"
        );
        let baseline = hidden(&shown, "baseline").replace("&quot;", "\"");
        let before = me.get(&format!("/{id}")).await;
        let fields = [
            ("id", &*id),
            ("name", before["name"].as_str().unwrap()),
            ("model", "anthropic:claude-sonnet-4-5-20250929"),
            ("callback_url", "https://example.com/other"),
            ("baseline", &baseline),
        ];
        let done = outcome(&app, &cookie, &path, "update", &fields).await;
        assert_eq!(done, format!("{path} settings_saved"), "{status} {what}");
        let after = me.get(&format!("/{id}")).await;
        assert_eq!(after["userCallbackUrl"], "https://example.com/other", "{status} {what}");
        assert_eq!(after["status"], before["status"], "{status} {what}");
    }
}
