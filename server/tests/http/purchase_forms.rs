//! Buying, checking and activating with the site's forms, mostly as a browser without scripts sends them.

use reqwest::header::{ACCEPT, COOKIE};
use serde_json::{Value, json};

use crate::pages::{hidden, outcome_at, page, submit};
use crate::purchase::refusals;
use crate::sessions::{form_request, session_cookie};
use crate::support::{App, bot_token};

/// A signed-in browser without scripts.
struct Browser<'a> {
    app: &'a App,
    cookie: String,
}

impl Browser<'_> {
    async fn page(&self, path: &str) -> String {
        page(self.app, &self.cookie, path).await
    }

    /// Submits a form from a page and returns the redirect's location.
    async fn submit(&self, from: &str, endpoint: &str, fields: &[(&str, &str)]) -> String {
        submit(self.app, &self.cookie, from, endpoint, fields).await
    }

    /// Submits a form as the frontend does and returns the response.
    async fn submit_as_frontend(&self, endpoint: &str, fields: &[(&str, &str)]) -> Value {
        let request = form_request(self.app, endpoint, fields).header(COOKIE, &self.cookie);
        let answer = request.header(ACCEPT, "application/json").send().await.unwrap();
        assert_eq!(answer.status(), 200, "{endpoint}");
        answer.json().await.unwrap()
    }
}

/// Submits a form as the frontend does and returns the expected error.
async fn submit_rejected(browser: &Browser<'_>, endpoint: &str, fields: &[(&str, &str)]) -> Value {
    let request = form_request(browser.app, endpoint, fields).header(COOKIE, &browser.cookie);
    let answer = request.header(ACCEPT, "application/json").send().await.unwrap();
    assert_eq!(answer.status(), 500, "{endpoint}");
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn purchase_form_sent_twice_orders_once() {
    let app = App::start().await;
    let me = app.customer().await;
    let browser = Browser { app: &app, cookie: session_cookie(&app, me.user).await };
    let token = hidden(&browser.page("/assistants/new?mode=managed").await, "token");
    let fields = [("api_mode", "byok"), ("token", token.as_str())];
    let twice = (
        browser.submit("/assistants/new", "purchase", &fields),
        browser.submit("/assistants/new", "purchase", &fields),
    );
    let (first, second) = tokio::join!(twice.0, twice.1);
    assert!(first.contains("/sandbox/polar/checkout/"), "{first}");
    assert_eq!(first, second);
    assert_eq!(me.get("").await.as_array().map(Vec::len), Some(1));

    // An unpaid order can be continued at the same checkout.
    let page = browser.page("/assistants/new").await;
    assert!(page.contains("Unfinished orders"));
    let id = me.get("").await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(browser.submit("/assistants/new", "resume_checkout", &[("id", &id)]).await, first);
    let again = hidden(&page, "token");
    assert_ne!(again, token);
    let fields = [("api_mode", "byok"), ("token", again.as_str())];
    assert_ne!(browser.submit("/assistants/new", "purchase", &fields).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_checkout_is_explained_in_form() {
    let app = App::start().await;
    let me = app.customer().await;
    let browser = Browser { app: &app, cookie: session_cookie(&app, me.user).await };
    for (fault, expected) in refusals() {
        let token = hidden(&browser.page("/assistants/new").await, "token");
        let fields = [("api_mode", "managed"), ("token", token.as_str())];
        app.faults(json!([fault])).await;
        let back = browser.submit("/assistants/new", "purchase", &fields).await;
        let back = back.strip_prefix(&app.url("")).expect("the redirect leads to another site").to_owned();
        let shown = browser.page(&back).await;
        let form = shown.split("action=\"/_fn/purchase\"").nth(1).expect("the form is missing");
        let form = form.split("</form>").next().unwrap().replace("&#x27;", "'").replace("&#39;", "'");
        for words in expected {
            assert!(form.contains(words), "{fault}: {form}");
        }
        assert!(!shown.contains("The vendor"), "{shown}");
        let chosen = form.split("<input").find(|input| input.contains("value=\"managed\"")).unwrap();
        assert!(chosen.contains("checked"), "{chosen}");
        // The frontend gets the same message.
        app.faults(json!([fault])).await;
        let request = submit_rejected(&browser, "purchase", &fields).await;
        assert_eq!(request["code"], "INTERNAL_ERROR");
        let message = request["message"].as_str().unwrap();
        assert!(expected.iter().all(|words| message.contains(words)), "{message}");
        assert_eq!(me.get("").await, json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_resumed_checkout_is_explained_in_its_form() {
    let app = App::start().await;
    let me = app.customer().await;
    let browser = Browser { app: &app, cookie: session_cookie(&app, me.user).await };
    let (id, checkout) = me.purchase("byok").await;
    let (other, _) = me.purchase("byok").await;
    assert_eq!(me.press(&checkout, "expire").await, 200);
    // The second page gets fewer cases, because `resume_checkout` is limited to 40 requests per minute.
    for (from, count) in [(format!("/assistants/{id}"), 8), ("/assistants/new".to_owned(), 3)] {
        for (fault, expected) in refusals().into_iter().take(count) {
            app.faults(json!([fault])).await;
            let back = browser.submit(&from, "resume_checkout", &[("id", &id)]).await;
            let back =
                back.strip_prefix(&app.url("")).expect("the redirect leads to another site").to_owned();
            let shown = browser.page(&back).await.replace("&#x27;", "'").replace("&#39;", "'");
            let forms: Vec<_> = shown.split("action=\"/_fn/resume_checkout\"").skip(1).collect();
            for form in &forms {
                let form = form.split("</form>").next().unwrap();
                let is_its = form.contains(&id);
                assert_eq!(expected.iter().all(|words| form.contains(words)), is_its, "{fault}: {form}");
            }
            assert!(!forms.is_empty());
            app.faults(json!([fault])).await;
            let error = submit_rejected(&browser, "resume_checkout", &[("id", &id)]).await;
            assert!(
                expected.iter().all(|words| error["message"].as_str().unwrap().contains(words)),
                "{error}"
            );
        }
    }
    // Both orders still exist and can be continued.
    for slot in [&id, &other] {
        assert_eq!(me.get(&format!("/{slot}")).await["status"], "pending_payment");
    }
    let renewed = browser.submit("/assistants/new", "resume_checkout", &[("id", &id)]).await;
    assert_eq!(me.press(&renewed, "pay").await, 303);
    me.wait_for_status(&id, "purchased").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn purchase_form_enforces_unpaid_limit() {
    let app = App::start().await;
    let me = app.customer().await;
    let browser = Browser { app: &app, cookie: session_cookie(&app, me.user).await };
    for _ in 0..10 {
        let (id, _) = me.purchase("byok").await;
        me.ok("DELETE", &format!("/{id}"), Value::Null).await;
    }
    let token = hidden(&browser.page("/assistants/new").await, "token");
    let fields = [("api_mode", "byok"), ("token", token.as_str())];
    let back = browser.submit("/assistants/new", "purchase", &fields).await;
    let back = back.strip_prefix(&app.url("")).expect("the redirect leads to another site").to_owned();
    let shown = browser.page(&back).await;
    assert!(
        shown.contains("Too many unpaid orders in the last hour: pay for one, or wait. Try again in"),
        "{shown}"
    );
    assert_eq!(me.get("").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn unpaid_page_ignores_query_string() {
    let app = App::start().await;
    let me = app.customer().await;
    let browser = Browser { app: &app, cookie: session_cookie(&app, me.user).await };
    let (id, checkout) = me.purchase("byok").await;
    let page = browser.page(&format!("/assistants/{id}?checkout_id=made-up&status=succeeded")).await;
    assert!(page.contains("Your checkout is still open") && page.contains("$19 / month"));
    assert_eq!(me.press(&checkout, "expire").await, 200);
    let page = browser.page(&format!("/assistants/{id}")).await;
    assert!(
        page.contains("This checkout expired. You weren’t charged") && page.contains("Start a new checkout")
    );
    let from = format!("/assistants/{id}");
    let renewed = browser.submit(&from, "resume_checkout", &[("id", &id)]).await;
    assert_ne!(renewed, checkout);
    assert_eq!(me.press(&renewed, "pay").await, 303);
    me.wait_for_status(&id, "purchased").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn preflight_without_scripts_shows_results_and_keeps_values() {
    let app = App::start().await;
    let me = app.customer().await;
    let browser = Browser { app: &app, cookie: session_cookie(&app, me.user).await };
    let id = me.purchased("byok").await;
    let (page, token) = (format!("/assistants/{id}"), bot_token("ok"));
    let typed = |key: &'static str| {
        [
            ("id", id.as_str()),
            ("name", "Coral"),
            ("model", "anthropic:claude-sonnet-5"),
            ("telegram_bot_token", token.as_str()),
            ("model_api_key", key),
            ("callback_url", "https://example.com/hook"),
        ]
    };
    let to = browser.submit(&page, "preflight", &typed("sk-ant-refused")).await;
    assert_eq!(to, format!("{page}#activation"));
    let other = me.purchased("byok").await;
    assert!(
        !browser.page(&format!("/assistants/{other}")).await.contains("Connected to "),
        "the results of another slot are not shown"
    );
    let shown = browser.page(&page).await;
    for words in [
        "Connected to ",
        "data:image/png;base64,",
        "The provider rejected this key",
        "https://example.com/hook",
    ] {
        assert!(shown.contains(words), "{words}");
    }
    for secret in [token.as_str(), "sk-ant-refused"] {
        assert!(!shown.contains(secret));
    }
    // Nothing was deployed, and the form still has the typed values.
    assert_eq!(me.get(&format!("/{id}")).await["status"], "purchased");
    let mut again = typed("sk-ant-good");
    again[3].1 = "";
    let to = browser.submit(&page, "activate", &again).await;
    assert_eq!(outcome_at(&app, &browser.cookie, &to).await, format!("{page} activated"));
    me.wait_for_status(&id, "active").await;
    let shown = browser.page(&page).await;
    assert!(shown.contains("Chat with @") && shown.contains("QR code that opens https://t.me/"));
    assert!(shown.contains("<iframe") && shown.contains("?inner=true"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_preflight_keeps_typed_values() {
    let app = App::start().await;
    let me = app.customer().await;
    let browser = Browser { app: &app, cookie: session_cookie(&app, me.user).await };
    let id = me.purchased("byok").await;
    let page = format!("/assistants/{id}");
    let typed = [("id", id.as_str()), ("name", "Coral"), ("telegram_bot_token", "no token")];
    let back = browser.submit(&page, "preflight", &typed).await;
    let back = back.strip_prefix(&app.url("")).expect("the redirect leads to another site").to_owned();
    let shown = browser.page(&back).await;
    assert!(shown.contains("Check the highlighted fields") && shown.contains("Coral"));
    // The form and both its buttons have the same actions as before.
    assert!(shown.contains("action=\"/_fn/activate\"") && shown.contains("formaction=\"/_fn/preflight\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn preflight_from_frontend_returns_results_and_stores_nothing() {
    let app = App::start().await;
    let me = app.customer().await;
    let browser = Browser { app: &app, cookie: session_cookie(&app, me.user).await };
    let id = me.purchased("byok").await;
    let token = bot_token("revoked");
    let fields =
        [("id", id.as_str()), ("telegram_bot_token", &token), ("callback_url", "http://localhost/x")];
    let found = browser.submit_as_frontend("preflight", &fields).await;
    let said: Vec<_> = found.as_array().unwrap().iter().map(|one| (&one["about"], &one["good"])).collect();
    let about = |text: &str| Value::from(text);
    let expected = [about("telegramBotToken"), about("modelApiKey"), about("callbackUrl")];
    let no = Value::from(false);
    assert_eq!(said, expected.iter().map(|about| (about, &no)).collect::<Vec<_>>());
    assert!(!browser.page(&format!("/assistants/{id}")).await.contains(" is saved."));

    let wrong =
        browser.submit_as_frontend("check_callback_url", &[("callback_url", "http://localhost/x")]).await;
    assert!(wrong.as_str().unwrap().contains("must start with https"), "{wrong}");
    assert_eq!(
        browser.submit_as_frontend("check_callback_url", &[("callback_url", "https://example.com")]).await,
        Value::Null
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn portal_without_invoices_is_not_opened() {
    let app = App::start().await;
    let me = app.customer().await;
    let browser = Browser { app: &app, cookie: session_cookie(&app, me.user).await };
    let to = browser.submit("/billing", "open_portal", &[]).await;
    assert_eq!(outcome_at(&app, &browser.cookie, &to).await, "/billing no_invoices");
    assert!(browser.page(&to).await.contains("no invoices for this account yet"));
    // Anybody can type the address, so it alone claims nothing.
    assert!(!browser.page(&to).await.contains("no invoices for this account yet"));
    me.purchased("byok").await;
    assert!(browser.page("/billing").await.contains("Renews "));
    let to = browser.submit("/billing", "open_portal", &[]).await;
    assert!(to.contains("/sandbox/polar/"), "{to}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_without_payments_show_no_price() {
    let app = App::start_with(&[("SANDBOX", "false")]).await;
    let me = app.user().await;
    let browser = Browser { app: &app, cookie: session_cookie(&app, me).await };
    assert!(browser.page("/assistants/new").await.contains("Payments aren’t available yet"));
    let start = browser.page("/").await;
    assert!(start.contains("Not available") && start.contains(r#"<meta name="description""#));

    let app = App::start_with(&[("POLAR_PRODUCT_ID_BYOK", "unknown-product")]).await;
    let browser = Browser { app: &app, cookie: session_cookie(&app, app.user().await).await };
    let shop = browser.page("/assistants/new").await;
    assert!(
        shop.contains("The checkout shows the price") && !shop.contains("$19"),
        "an unknown price is not shown"
    );
}
