//! Markup injection through every field that users can set, on every page that shows it.

use std::collections::BTreeSet;

use reef_service::Caller;
use reef_service::api_keys::NewApiKey;
use reqwest::header::{ACCEPT, CONTENT_SECURITY_POLICY, COOKIE, LOCATION, REFERER};
use serde_json::json;

use crate::flashes::{kind, waiting_message};
use crate::sessions::{form_request, session_from};
use crate::support::{App, activation, bot_token, merged};

/// Texts that would become markup on a page that does not escape them.
pub const MARKUP_INJECTIONS: [&str; 5] = [
    "</title><meta http-equiv=refresh content=\"1;url=https://evil.example\">",
    "\"><img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "'onmouseover='alert(1)'{{7*7}}",
    "\u{202e}</textarea><svg onload=alert(1)>",
];
/// Markup that a page contains if it did not escape such a text.
const MARKUP: [&str; 9] = [
    "<meta http-equiv=refresh",
    "<img src=x",
    "</script><script>alert",
    "<svg onload",
    "=''onmouseover=",
    "=\"\"><img",
    "<script>alert",
    // These contain no spaces, because email addresses cannot.
    "<img/src=x",
    "<svg/onload",
];

/// A client that reads pages and asserts that none contains injected markup.
pub struct PageReader<'a> {
    app: &'a App,
    cookie: String,
    seen: BTreeSet<String>,
    /// The paths whose responses were HTML.
    pages: BTreeSet<String>,
}

impl<'a> PageReader<'a> {
    pub fn new(app: &'a App, cookie: &str) -> Self {
        Self { app, cookie: cookie.to_owned(), seen: BTreeSet::new(), pages: BTreeSet::new() }
    }

    /// Asserts that a page of each of these patterns was read; `:id` stands for any segment.
    pub fn assert_read<'b>(&self, kinds: impl IntoIterator<Item = &'b str>) {
        for kind in kinds {
            let is_of_kind = |page: &String| {
                let page = page.split('?').next().unwrap_or_default();
                page.split('/').count() == kind.split('/').count()
                    && page.split('/').zip(kind.split('/')).all(|(is, may)| is == may || may.starts_with(':'))
            };
            assert!(self.pages.iter().any(is_of_kind), "{kind} was not read: {:?}", self.pages);
        }
    }

    /// Reads a page, asserts that it is safe, and returns it.
    pub async fn read(&mut self, path: &str) -> String {
        let request =
            self.app.http.get(self.app.url(path)).header(COOKIE, self.app.flashes.all(&self.cookie));
        let answer = request.header(ACCEPT, "text/html").send().await.expect("the request failed");
        self.app.flashes.update(&self.cookie, answer.headers());
        let policy =
            answer.headers()[CONTENT_SECURITY_POLICY].to_str().expect("the header is not ASCII").to_owned();
        let kind = answer
            .headers()
            .get("content-type")
            .map(|kind| kind.to_str().expect("the header is not ASCII").to_owned());
        let page = answer.text().await.expect("the value is not text");
        self.seen.insert(path.to_owned());
        if !kind.is_some_and(|kind| kind.starts_with("text/html")) {
            return String::new();
        }
        self.pages.insert(path.to_owned());
        let action = policy.split(';').map(str::trim).find(|rule| rule.starts_with("form-action "));
        let action = action.unwrap_or_else(|| panic!("{path} lets forms lead anywhere: {policy}"));
        assert!(action.split(' ').all(|source| source != "https:" && source != "*"), "{path}: {policy}");
        for markup in MARKUP {
            let found = page.split_once(markup).map(|(before, _)| before.len().saturating_sub(80));
            assert!(
                found.is_none(),
                "{path}: {markup}: {}",
                &page[page.floor_char_boundary(found.unwrap_or(0))..][..200]
            );
        }
        page
    }

    /// Reads all pages that links lead to, without the endless list of sandbox chats.
    pub async fn crawl(&mut self, first: &[&str]) {
        let mut next: Vec<String> = first.iter().map(|path| (*path).to_owned()).collect();
        while let Some(path) = next.pop() {
            if self.seen.contains(&path) || self.seen.len() > 250 {
                continue;
            }
            let page = self.read(&path).await;
            for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let link = link.replace("&amp;", "&");
                let link = link.strip_prefix(&self.app.url("")).unwrap_or(&link);
                // Each chat links to the next one.
                let is_endless = link.contains("?chatId=") && !link.ends_with("chatId=1");
                if link.starts_with('/')
                    && !link.starts_with("/docs/")
                    && !link.starts_with("/pkg")
                    && !is_endless
                {
                    next.push(link.split('#').next().unwrap_or_default().to_owned());
                }
            }
        }
    }
}

/// Whether a form on a page says why it was rejected.
fn has_form_error(page: &str) -> bool {
    let mut tags = page.split("<div ").filter_map(|rest| rest.split('>').next());
    tags.any(|tag| tag.contains("role=\"alert\"") && tag.contains("autofocus"))
}

/// Counts the occurrences of a text on a page, after resolving escapes.
pub fn count_text(page: &str, text: &str) -> usize {
    let signs =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    let shown = signs.iter().fold(page.to_owned(), |page, (escaped, sign)| page.replace(escaped, sign));
    shown.matches(text).count()
}

pub fn url_encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_escaped_on_all_pages() {
    let app = App::start().await;
    let me = app.customer().await;
    // The list of devices shows user agents.
    let mut cookie = String::new();
    for agent in MARKUP_INJECTIONS.iter().filter(|text| text.is_ascii()) {
        cookie = session_from(&app, me.user, agent).await;
    }
    let mut names = Vec::new();
    for hostile in MARKUP_INJECTIONS {
        let name: String = hostile.chars().take(100).collect();
        let new = NewApiKey { name: name.clone(), read: true, ..NewApiKey::default() };
        app.services.create_api_key(&Caller::operator(me.user), &new).await.expect("the API key is missing");
        let id = me.purchased("byok").await;
        let hook = format!("https://callbacks.sandbox.test/{}", url_encode(hostile));
        let body = merged(activation(&bot_token("ok")), json!({"name": name, "callbackUrl": hook}));
        me.ok("POST", &format!("/{id}/activate"), body).await;
        me.wait_for_status(&id, "active").await;
        let bots = app.http.get(app.url("/sandbox/telegram/")).send().await.unwrap().text().await.unwrap();
        // Every bot gets the message, so their order does not matter.
        for bot in bots.split("/sandbox/telegram/bots/").skip(1) {
            let bot = bot.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
            let said = json!({"chatId": 1, "text": hostile});
            let path = format!("/sandbox/telegram/bots/{bot}/messages");
            app.http.post(app.url(&path)).json(&said).send().await.unwrap();
        }
        names.push((id, name));
    }
    // A URL may also contain these characters without encoding.
    let (id, _) = &names[0];
    for hook in MARKUP_INJECTIONS.map(|hostile| format!("https://callbacks.sandbox.test/x?{hostile}")) {
        me.send("POST", &format!("/{id}/redeploy"), json!({"callbackUrl": hook})).await;
        me.wait_for_status(id, "active").await;
    }

    let mut reader = PageReader::new(&app, &cookie);
    reader
        .crawl(&[
            "/",
            "/assistants",
            "/keys",
            "/settings",
            "/receipts",
            "/billing",
            "/sandbox/",
            "/styleguide",
            "/docs",
        ])
        .await;
    for (id, name) in &names {
        let path = format!("/assistants/{id}");
        // The page shows the name as text.
        let page = reader.read(&path).await;
        assert!(count_text(&page, name) >= 2, "{path}: {name}");
        reader.read(&format!("{path}/history")).await;
    }
    // Values in URLs, for a signed-in user and for a visitor.
    let mut nobody = PageReader::new(&app, "");
    for hostile in MARKUP_INJECTIONS.map(url_encode) {
        for path in [
            "/assistants?q=",
            "/assistants?status=",
            "/assistants?after=",
            "/signin?next=/",
            "/signin?next=",
            "/signup?next=",
            "/keys?done=",
            "/reset?token=",
            "/confirm?token=",
            "/confirm-change?token=",
            "/goodbye?",
            "/nothing/",
            "/docs/",
            "/assistants/",
            "/receipts/",
            "/keys/",
            "/assistants/new?mode=",
            "/billing?done=",
            "/signin/code?next=/",
            "/sandbox/callbacks/",
            "/sandbox/mail/?to=",
            "/sandbox/mail/",
            "/sandbox/requests?vendor=",
            "/sandbox/telegram/bots/",
            "/sandbox/telegram/bots/1?chatId=",
            "/sandbox/polar/checkout/",
            "/sandbox/polar/portal/",
            "/signin?__path=%2F_fn%2Fsign_in&__mark=0&__err=",
        ] {
            for reader in [&mut reader, &mut nobody] {
                reader.read(&format!("{path}{hostile}")).await;
            }
        }
    }
    // The receipts of deleted assistants show their names.
    for (id, _) in &names {
        me.ok("DELETE", &format!("/{id}"), serde_json::Value::Null).await;
        reader.read(&format!("/receipts/{id}")).await;
    }
    reader.read("/receipts").await;
    nobody.crawl(&["/"]).await;
    reader.pages.append(&mut nobody.pages);
    // All routes of the application were covered.
    let routes = include_str!("../../../app/src/app.rs").split("path!(\"").skip(1);
    reader.assert_read(routes.filter_map(|rest| rest.split('"').next()));
    reader.assert_read([
        "/sandbox/",
        "/sandbox/callbacks/",
        "/sandbox/callbacks/:name",
        "/sandbox/polar/",
        "/sandbox/telegram/",
        "/sandbox/telegram/bots/:id",
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_rejected_forms_are_escaped() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchased("byok").await;
    let cookie = session_from(&app, me.user, "test").await;
    let mut reader = PageReader::new(&app, &cookie);
    let mut rejected = 0;
    for hostile in MARKUP_INJECTIONS {
        let fields = [
            ("id", id.as_str()),
            ("name", hostile),
            ("email", hostile),
            ("new_email", hostile),
            ("model", hostile),
            ("callback_url", hostile),
            ("telegram_bot_token", hostile),
            ("model_api_key", hostile),
            ("code", hostile),
            ("password", hostile),
            ("new_password", hostile),
            ("expires_in", hostile),
            ("token", hostile),
            ("api_mode", hostile),
            ("baseline", "{}"),
            ("row", hostile),
            ("next", hostile),
            ("confirm", hostile),
        ];
        let one = format!("/assistants/{id}");
        for (endpoint, from) in [
            ("sign_up", "/signup"),
            ("sign_in", "/signin"),
            ("forgot_password", "/forgot"),
            ("activate", &*one),
            ("preflight", &*one),
            ("create_key", "/keys"),
            ("change_password", "/settings"),
            ("change_email", "/settings"),
            ("purchase", "/assistants/new"),
            ("sign_in_code", "/signin/code"),
            ("delete_account", "/settings"),
        ] {
            let request = form_request(&app, endpoint, &fields)
                .header(ACCEPT, "text/html")
                .header(REFERER, app.url(from));
            let answer = request.header(COOKIE, &reader.cookie).send().await.expect("the request failed");
            let Some(to) = answer.headers().get(LOCATION) else { continue };
            let to = to.to_str().expect("the header is not ASCII").replace(&app.url(""), "");
            app.flashes.update(&cookie, answer.headers());
            let is_rejected = kind(&waiting_message(&app, &cookie, &to).await) == "form_error";
            let shown = reader.read(&to).await;
            // The page shows the error of the form, if it has the form.
            if is_rejected && shown.contains(&format!("action=\"/_fn/{endpoint}\"")) {
                assert!(has_form_error(&shown), "{endpoint}: {shown}");
                rejected += 1;
            }
        }
    }
    assert!(rejected > 20, "{rejected}");
}
