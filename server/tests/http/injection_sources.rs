//! Markup injection through other sources than forms: email addresses, Telegram, models, the catalog and API keys.

use reef_domain::catalog::ListedModel;
use reef_service::Caller;
use reef_service::api_keys::NewApiKey;
use reef_store::TokenPurpose;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::customer::Customer;
use crate::injection::{MARKUP_INJECTIONS, PageReader, count_text, url_encode};
use crate::pages::submit;
use crate::recent_password::insert_mail_link;
use crate::sessions::{form_request, session_cookie};
use crate::support::{App, activation, bot_token, merged};

/// Valid email addresses that contain characters with a meaning in HTML.
const ADDRESSES: [&str; 2] = ["'onmouseover='alert`1`'@example.com", "a&lt&#60&amp{{7*7}}`${1}`@example.com"];
const PASSWORD: &str = "correct horse battery staple 9";

async fn customer_with<'a>(app: &'a App, email: &str) -> Customer<'a> {
    let user = app
        .services
        .create_user(email, &SecretString::from(PASSWORD))
        .await
        .expect("the account was not found")
        .id;
    let (client, _) = app.key(user, "read write", None).await;
    Customer { app, user, client }
}

#[tokio::test(flavor = "multi_thread")]
async fn email_address_is_escaped_on_all_pages() {
    let app = App::start().await;
    for email in ADDRESSES {
        let me = customer_with(&app, email).await;
        let id = me.active().await;
        let cookie = session_cookie(&app, me.user).await;
        let mut reader = PageReader::new(&app, &cookie);
        reader.crawl(&["/settings", "/billing", "/assistants", "/sandbox/mail/", "/sandbox/polar/"]).await;
        assert!(count_text(&reader.read("/settings").await, email) > 0, "the settings show the address");
        // During the setup of two-factor authentication, the QR code contains the address.
        submit(&app, &cookie, "/settings", "create_totp", &[]).await;
        assert!(reader.read("/settings").await.contains("otpauth://"));
        // A change of address, and the pages that links in mails lead to.
        let next = format!("next{email}");
        submit(&app, &cookie, "/settings", "change_email", &[("new_email", &next), ("password", PASSWORD)])
            .await;
        reader.read("/settings").await;
        let mut nobody = PageReader::new(&app, "");
        for (page, purpose, address) in [
            ("/confirm", TokenPurpose::Confirm, email),
            ("/confirm-change", TokenPurpose::Change, &*next),
            ("/reset", TokenPurpose::Reset, email),
        ] {
            let token = insert_mail_link(&app, me.user, purpose, address).await;
            for reader in [&mut reader, &mut nobody] {
                reader.read(&format!("{page}?token={token}")).await;
            }
        }
        for endpoint in ["forgot_password", "sign_in", "sign_up"] {
            let sent = form_request(&app, endpoint, &[("email", email), ("password", "wrong")]).send().await;
            sent.expect("the request failed");
        }
        let to = submit(&app, "", "/forgot", "forgot_password", &[("email", email)]).await;
        nobody.read(&to.replace(&app.url(""), "")).await;
        // Polar's portal and checkout show the address, too.
        let portal = submit(&app, &cookie, "/billing", "open_portal", &[]).await;
        let (_, checkout) = me.purchase("byok").await;
        for page in [portal, checkout] {
            reader.read(&page.replace(&app.url(""), "")).await;
        }
        reader.crawl(&["/sandbox/mail/", &format!("/sandbox/mail/?to={}", url_encode(email))]).await;
        me.ok("DELETE", &format!("/{id}"), Value::Null).await;
        reader.read(&format!("/receipts/{id}")).await;
        reader.assert_read([
            "/settings",
            "/confirm",
            "/confirm-change",
            "/reset",
            "/sandbox/mail/",
            "/sandbox/mail/:id",
        ]);
        reader.assert_read([
            "/sandbox/polar/",
            "/sandbox/polar/portal",
            "/sandbox/polar/checkout/:secret",
            "/receipts/:id",
        ]);
        nobody.assert_read(["/confirm", "/confirm-change", "/reset", "/forgot"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vendor_texts_are_escaped_on_all_pages() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let mut reader = PageReader::new(&app, &cookie);
    for hostile in MARKUP_INJECTIONS {
        let id = me.purchased("byok").await;
        let page = format!("/assistants/{id}");
        let token = bot_token("ok");
        let bot_id: i64 = token.split(':').next().unwrap().parse().unwrap();
        let result = json!({"id": bot_id, "is_bot": true, "first_name": hostile, "username": hostile});
        let said = json!({"id": "m", "type": "message", "role": "assistant", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": hostile}], "usage": {"input_tokens": 1, "output_tokens": 1}});
        let faults = json!([
            {"path": "*/getMe", "body": {"ok": true, "result": result}, "times": 50},
            {"path": "*/anthropic/v1/messages", "body": said, "times": 50},
        ]);
        app.faults(faults).await;
        let fields = [
            ("id", id.as_str()),
            ("name", "Coral"),
            ("model", "anthropic:claude-sonnet-5"),
            ("model_api_key", "sk-ant-good"),
            ("telegram_bot_token", token.as_str()),
        ];
        submit(&app, &cookie, &page, "preflight", &fields).await;
        let shown = reader.read(&page).await;
        // The page shows the bot's name, its username and the model's answer.
        assert!(count_text(&shown, hostile) >= 3, "{hostile}: {shown}");
        me.ok("POST", &format!("/{id}/activate"), activation(&token)).await;
        me.wait_for_status(&id, "active").await;
        let shown = reader.read(&page).await;
        assert!(shown.contains("Chat with @") && count_text(&shown, hostile) > 0, "{hostile}: {shown}");
        reader.read(&format!("{page}/history")).await;
        app.faults(json!([])).await;
    }
    reader.crawl(&["/assistants", "/sandbox/requests"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn catalog_names_are_escaped_on_all_pages() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let models: Vec<_> = MARKUP_INJECTIONS
        .iter()
        .enumerate()
        .map(|(number, name)| ListedModel {
            id: format!("evil/model-{number}"),
            name: (*name).to_owned(),
            prices: None,
        })
        .collect();
    assert!(models.iter().all(ListedModel::is_valid), "the catalog accepts such a list");
    let mut tx = app.services.store().begin().await.unwrap();
    tx.upsert_catalog("openrouter", &models, app.services.now()).await.unwrap();
    tx.commit().await.unwrap();
    let mut reader = PageReader::new(&app, &cookie);
    for model in &models {
        let id = me.purchased("byok").await;
        let page = format!("/assistants/{id}");
        assert!(count_text(&reader.read(&page).await, &model.name) > 0, "the list of models shows the name");
        let body = json!({"modelProvider": "openrouter", "modelId": model.id, "modelApiKey": "sk-or-good"});
        me.ok("POST", &format!("/{id}/activate"), merged(activation(&bot_token("ok")), body)).await;
        let ended = async || {
            ["active", "failed"].contains(&me.get(&format!("/{id}")).await["status"].as_str().unwrap())
        };
        crate::support::eventually("an end", async || ended().await.then_some(())).await;
        reader.read(&page).await;
        reader.read(&format!("{page}/history")).await;
    }
    reader.crawl(&["/assistants", "/docs"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_names_and_requests_are_escaped_on_all_pages() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let mut reader = PageReader::new(&app, &cookie);
    for hostile in MARKUP_INJECTIONS {
        let id = me.purchased("byok").await;
        me.ok("PATCH", &format!("/{id}"), json!({"name": hostile})).await;
        // The page of a limited key names its assistants and lists its requests.
        let new = NewApiKey {
            name: hostile.to_owned(),
            read: true,
            assistants: vec![id.clone()],
            ..NewApiKey::default()
        };
        let (key, secret) = app.services.create_api_key(&Caller::operator(me.user), &new).await.unwrap();
        let client = app.anonymous().with_key(secrecy::ExposeSecret::expose_secret(&secret));
        for path in ["/api/v1/assistants/", "/api/v1/assistants?cursor=", "/api/v1/"] {
            let request = client.request("GET", &format!("{path}{}", url_encode(hostile)));
            let agent = hostile.chars().filter(char::is_ascii).collect::<String>();
            request.header("user-agent", agent).send().await.unwrap();
        }
        let page = format!("/keys/{}", key.id);
        crate::support::eventually("its log", async || {
            let log = PageReader::new(&app, &cookie).read(&page).await;
            log.contains("404").then_some(())
        })
        .await;
        let shown = reader.read(&page).await;
        // The text is the name of the key and of the assistant.
        assert!(count_text(&shown, hostile) >= 2, "{page}: {shown}");
    }
    reader.crawl(&["/keys"]).await;
    reader.assert_read(["/keys", "/keys/:id"]);
}
