//! What the pages show of a subscription that is past due, canceled or refunded, and of a payment that is being confirmed: the
//! same on the assistant's page, in the list and under Billing, with the way out.

use serde_json::{Value, json};

use crate::customer::Customer;
use crate::pages::{page, submit};
use crate::sessions::session_cookie;
use crate::support::{App, eventually};

/// Makes Polar apply `action` to the assistant's subscription.
async fn apply_polar_action(app: &App, me: &Customer<'_>, id: &str, action: &str) {
    let record = me.get(&format!("/{id}")).await;
    let subscription = record["polarSubscriptionId"].as_str().expect("a subscription");
    let path = format!("/sandbox/polar/subscriptions/{subscription}/{action}");
    assert!(app.http.post(app.url(&path)).send().await.unwrap().status().is_success(), "{action}");
}

/// The part of a list that is about one assistant: `element` is the tag of an entry.
fn entry(shown: &str, element: &str, id: &str) -> String {
    let (open, close) = (format!("<{element}"), format!("</{element}>"));
    let entries = shown.split(&open).skip(1).filter_map(|rest| rest.split(&close).next());
    let link = format!("href=\"/assistants/{id}\"");
    entries.filter(|entry| entry.contains(&link)).collect::<String>()
}

/// The part of an assistant's page above its columns.
fn top(shown: &str) -> &str {
    shown.split("class=\"split\"").next().expect("the page is empty")
}

fn dialog<'a>(shown: &'a str, id: &str) -> &'a str {
    let rest = shown.split_once(&format!("popovertarget=\"{id}\"")).expect("the dialog is missing").1;
    rest.split("class=\"action\"").next().expect("the action is missing")
}

#[tokio::test(flavor = "multi_thread")]
async fn past_due_subscription_has_update_card_button_in_list_and_billing() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let (id, other) = (me.in_status("active").await, me.in_status("stopped").await);
    apply_polar_action(&app, &me, &id, "past_due").await;
    me.wait_for_field(&id, "paymentStatus", json!("past_due")).await;
    for (path, element) in [("/assistants", "tr"), ("/billing", "li")] {
        let shown = page(&app, &cookie, path).await;
        let entry_due = entry(&shown, element, &id);
        assert!(entry_due.contains("class=\"badge bad\""), "{path}: {entry_due}");
        let form = entry_due.split_once("action=\"/_fn/open_portal\"").expect("a form").1;
        assert!(form.contains(">Update card</button>"), "{path}: {form}");
        assert!(!entry(&shown, element, &other).contains("Update card"), "{path}");
        let to = submit(&app, &cookie, path, "open_portal", &[("id", &id)]).await;
        assert!(to.contains("/sandbox/polar/"), "{path}: {to}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_portal_is_explained_at_the_button_that_was_pressed() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let (id, other) = (me.in_status("active").await, me.in_status("active").await);
    for id in [&id, &other] {
        apply_polar_action(&app, &me, id, "past_due").await;
        me.wait_for_field(id, "paymentStatus", json!("past_due")).await;
    }
    app.faults(json!([{"path": "/sandbox/polar/v1/customer-sessions*", "status": 500, "times": 1000}])).await;
    let back = submit(&app, &cookie, "/billing", "open_portal", &[("id", &id)]).await;
    let shown = page(&app, &cookie, &back).await;
    // The form that was refused has the focus.
    assert!(entry(&shown, "li", &id).contains("autofocus"), "{shown}");
    assert!(!entry(&shown, "li", &other).contains("autofocus"), "{shown}");
    assert_eq!(shown.matches("autofocus").count(), 1, "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn canceled_subscription_says_when_it_ends_on_page_list_and_billing() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.active().await;
    let path = format!("/assistants/{id}");
    assert!(!page(&app, &cookie, &path).await.contains("Cancels "));
    apply_polar_action(&app, &me, &id, "cancel").await;
    let record = eventually("the cancellation", async || {
        Some(me.get(&format!("/{id}")).await).filter(|record| !record["canceledAt"].is_null())
    })
    .await;
    assert_eq!(record["paymentStatus"], "paid");
    let badge = format!("Cancels <time datetime=\"{}\"", record["currentPeriodEnd"].as_str().unwrap());
    let shown = page(&app, &cookie, &path).await;
    assert!(top(&shown).contains(&badge), "{}", top(&shown));
    for (path, element) in [("/assistants", "tr"), ("/billing", "li")] {
        let entry = entry(&page(&app, &cookie, path).await, element, &id);
        assert!(entry.contains(&badge), "{path}: {entry}");
    }
    apply_polar_action(&app, &me, &id, "uncancel").await;
    me.wait_for_field(&id, "canceledAt", Value::Null).await;
    assert!(!page(&app, &cookie, &path).await.contains("Cancels "));
}

#[tokio::test(flavor = "multi_thread")]
async fn refunded_subscription_is_named_at_the_top_and_not_canceled_by_deletion() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    for status in ["purchased", "active", "stopped", "failed"] {
        let id = me.in_status(status).await;
        let path = format!("/assistants/{id}");
        let before = page(&app, &cookie, &path).await;
        assert!(!top(&before).contains("refunded"), "{status}");
        assert!(dialog(&before, "delete").contains("cancels its subscription"), "{status}");
        apply_polar_action(&app, &me, &id, "refund").await;
        me.wait_for_field(&id, "paymentStatus", json!("refunded")).await;
        let after = page(&app, &cookie, &path).await;
        assert!(
            top(&after).contains("Your payment was refunded, so the subscription has ended."),
            "{status}: {}",
            top(&after)
        );
        assert!(!top(&after).contains("badge purchased"), "{status}: it is not ready to activate");
        let delete = dialog(&after, "delete");
        assert!(!delete.contains("cancels its subscription"), "{status}: {delete}");
        assert!(delete.contains("already ended"), "{status}: {delete}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn billing_has_no_checkout_button_while_payment_is_confirmed() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let (id, checkout) = me.purchase("byok").await;
    let shown = page(&app, &cookie, "/billing").await;
    assert!(entry(&shown, "li", &id).contains(">Go to checkout</button>"), "{shown}");
    // Polar's confirmation does not arrive, and Polar does not list its orders.
    let silent = json!([
        {"path": "/webhooks/polar", "drop": true, "times": 1000},
        {"path": "/sandbox/polar/v1/orders*", "status": 500, "times": 1000},
        {"path": "/sandbox/polar/v1/subscriptions*", "status": 500, "times": 1000},
    ]);
    app.faults(silent).await;
    assert_eq!(me.press(&checkout, "pay").await, 303);
    let shown = page(&app, &cookie, "/billing").await;
    let entry = entry(&shown, "li", &id);
    assert!(entry.contains("Confirming payment") && !entry.contains("Go to checkout"), "{entry}");
    assert!(shown.contains("data-look-again"), "the page refreshes itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_and_delete_dialogs_name_the_assistant() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.active().await;
    let shown = page(&app, &cookie, &format!("/assistants/{id}")).await;
    let (stop, delete) = (dialog(&shown, "stop"), dialog(&shown, "delete"));
    assert!(
        stop.contains(">Stop My Assistant?</h2>") && stop.contains(">Stop My Assistant</button>"),
        "{stop}"
    );
    assert!(
        delete.contains(">Delete My Assistant?</h2>") && delete.contains(">Delete permanently</button>"),
        "{delete}"
    );
}
