//! Sends known secrets through successes and failures, then searches for them in everything that is stored, shown or logged.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use reef_embedded_secrets::{managed_key, webhook_secret};
use reqwest::header::{COOKIE, LOCATION, ORIGIN, REFERER, SET_COOKIE};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::callbacks::Receiver;
use crate::pages::hidden;
use crate::postgres::TestDatabase;
use crate::process::{Installation, Process};
use crate::support::{activation, eventually, merged};

const SECRET_KEY: &str = "S25vd25TZWNyZXRLZXlLbm93blNlY3JldEtleUtub3c=";
const POLAR_TOKEN: &str = "polar_oat_KnownPolarToken0123456789";
const POLAR_SECRET: &str = "whsec_S25vd25Qb2xhcldlYmhvb2tTZWNyZXQwMTIz";
const MANAGEMENT_KEY: &str = "sk-or-v1-KnownManagementKey0123456789";
const PASSWORD: &str = "Known-Password 1 of a person";
const NEW_PASSWORD: &str = "Known-Password 2 mistyped";
const MODEL_KEY: &str = "sk-ant-KnownModelKey0123456789";
const REFUSED_MODEL_KEY: &str = "sk-ant-KnownKey-refused-0123456789";
const METRICS_TOKEN: &str = "known-metrics-token-0123456789";
const EMAIL: &str = "ann@example.com";

/// One bot token for each case. The part after the colon is the secret.
const BOTS: [&str; 4] = [
    "700000001:okKnownBotTokenAAAAAAAAAAAAAAAAAAAA",
    "700000002:revokedKnownBotTokenAAAAAAAAAAAAAAA",
    "700000003:conflictKnownBotTokenAAAAAAAAAAAAAA",
    "700000004:okKnownManagedBotTokenAAAAAAAAAAAAA",
];

/// The secrets to search for, each with a name for the message of a failed test.
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn add(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= 12, "{name} is too short to be searched for");
        self.0.push((name.to_owned(), secret.to_owned()));
    }

    /// Asserts that `text` contains none of the secrets in any common encoding, except those named in `allowed`.
    fn assert_not_in(&self, place: &str, text: &[u8], allowed: &[&str]) {
        // Searching text is many times faster than searching bytes in a debug build, and every needle is ASCII.
        let text = String::from_utf8_lossy(text);
        for (name, secret) in &self.0 {
            if allowed.contains(&name.as_str()) {
                continue;
            }
            for (form, needle) in encodings(secret) {
                let Some((before, _)) = text.split_once(&needle) else { continue };
                // The line up to the secret shows where it comes from.
                let line = before.rsplit('\n').next().unwrap_or_default();
                let before: String =
                    line.chars().rev().take(400).collect::<Vec<_>>().into_iter().rev().collect();
                panic!("the {name} is in {place} ({form}): {before}…");
            }
        }
    }
}

/// Returns a secret in plain text and in the encodings of bytes, URLs and forms.
fn encodings(secret: &str) -> Vec<(&'static str, String)> {
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let all = [
        ("as it is", secret.to_owned()),
        ("hex", HEXLOWER.encode(secret.as_bytes())),
        ("form", form),
        ("base64", BASE64_NOPAD.encode(secret.as_bytes())),
        ("base64url", BASE64URL_NOPAD.encode(secret.as_bytes())),
    ];
    all.into()
}

/// Opens sealed values of the database to learn the secrets that Reef generated.
mod reef_embedded_secrets {
    use reef_store::Store;
    use reef_vault::{SecretLocation, Vault, WORKER_SETTINGS};
    use secrecy::{ExposeSecret as _, SecretString};

    fn open(column: &'static str, row: &dyn std::fmt::Display, sealed: &[u8]) -> String {
        let vault = Vault::new(&SecretString::from(super::SECRET_KEY)).unwrap();
        vault.open(sealed, SecretLocation { column, row }).unwrap().expose_secret().to_owned()
    }

    /// Returns the managed key of an assistant.
    pub async fn managed_key(store: &Store, id: &str) -> String {
        let id = reef_domain::ids::AssistantId::parse(id).unwrap();
        let secrets = store.read().await.unwrap().get_secrets(id).await.unwrap();
        open("assistants.model_key", &id, &secrets.model_key.unwrap())
    }

    /// Returns the secret that Telegram sends to the assistant's worker.
    pub async fn webhook_secret(store: &Store, id: &str) -> String {
        let id = reef_domain::ids::AssistantId::parse(id).unwrap();
        let worker = store.read().await.unwrap().find_worker_by_assistant(id).await.unwrap().unwrap();
        let settings = open(WORKER_SETTINGS, &worker.worker_name, &worker.settings);
        let settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
        settings["webhook_secret"].as_str().unwrap().to_owned()
    }
}

/// A client that records every response.
struct RecordingClient<'a> {
    process: &'a Process,
    cookie: String,
    seen: Vec<(String, Vec<u8>)>,
}

impl RecordingClient<'_> {
    async fn record(&mut self, place: String, request: RequestBuilder) -> Response {
        let answer = request.send().await.expect("the request failed");
        let head = Response::from(copy_head(&answer));
        let mut text = String::new();
        for (name, value) in answer.headers() {
            // This header is the only place where the session id may appear.
            if name != SET_COOKIE {
                let _ = writeln!(text, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
            }
        }
        let mut all = text.into_bytes();
        all.extend_from_slice(&answer.bytes().await.expect("the response is incomplete"));
        self.seen.push((place, all));
        head
    }

    /// Submits a page's form as a browser without scripts does.
    async fn post(&mut self, function: &str, page: &str, fields: &[(&str, &str)]) -> Response {
        let base = &self.process.base;
        let request = self.process.http.post(format!("{base}/_fn/{function}")).form(fields);
        let request = request
            .header(ORIGIN, base)
            .header(REFERER, format!("{base}{page}"))
            .header("accept", "text/html")
            .header(COOKIE, &self.cookie);
        self.record(format!("the answer to the form {function}"), request).await
    }

    /// Reads all pages that links lead to.
    async fn crawl(&mut self, first: &[String]) {
        let mut known: BTreeSet<String> = BTreeSet::new();
        let mut next: Vec<String> = first.to_vec();
        while let Some(path) = next.pop() {
            if !known.insert(path.clone()) || known.len() > 100 {
                continue;
            }
            let request = self.process.http.get(format!("{}{path}", self.process.base));
            let request = request.header(COOKIE, &self.cookie).header("accept", "text/html");
            self.record(format!("the page {path}"), request).await;
            let (_, page) = self.seen.last().expect("no response was recorded");
            let page = String::from_utf8_lossy(page).into_owned();
            for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                if link.starts_with('/') && !link.starts_with("/sandbox") && !link.starts_with("/pkg") {
                    next.push(link.replace("&amp;", "&"));
                }
            }
        }
        for expected in ["/assistants", "/keys"] {
            assert!(known.contains(expected), "{known:?}");
        }
    }
}

/// Copies the head of a response whose body is recorded.
fn copy_head(answer: &Response) -> axum::http::Response<&'static str> {
    let mut head = axum::http::Response::new("");
    *head.status_mut() = answer.status();
    *head.headers_mut() = answer.headers().clone();
    head
}

/// Returns the whole database: the bytes of SQLite's files, or a dump of PostgreSQL.
fn read_database(installation: &Installation, postgres: Option<&TestDatabase>) -> Vec<u8> {
    if let Some(database) = postgres {
        let output = Command::new("pg_dump").arg(&database.url).output().expect("could not run pg_dump");
        assert!(output.status.success() && output.stdout.len() > 10_000);
        return output.stdout;
    }
    let read =
        |name: &str| std::fs::read(installation.folder.path().join("data").join(name)).unwrap_or_default();
    let all = ["reef.db", "reef.db-wal", "reef.db-shm"].map(read).concat();
    assert!(all.len() > 10_000);
    all
}

async fn search_everywhere(on_postgres: bool) {
    let postgres = if on_postgres { Some(TestDatabase::create().await) } else { None };
    let (receiver, target) = Receiver::start(&[500, 404]).await;
    let (collector, collector_at) = Receiver::start(&[]).await;
    let collector_at = collector_at.strip_prefix("hooks.test=").unwrap();
    let mut vars = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector_at),
        ("SANDBOX", "true"),
        ("SECRET_KEY", SECRET_KEY),
        ("POLAR_ACCESS_TOKEN", POLAR_TOKEN),
        ("POLAR_WEBHOOK_SECRET", POLAR_SECRET),
        ("POLAR_PRODUCT_ID_BYOK", "sandbox-byok"),
        ("POLAR_PRODUCT_ID_MANAGED", "sandbox-managed"),
        ("OPENROUTER_MANAGEMENT_KEY", MANAGEMENT_KEY),
        ("METRICS_TOKEN", METRICS_TOKEN),
        ("CALLBACK_OVERRIDES", &target),
        ("RUST_LOG", "trace"),
        ("LOG_FORMAT", if on_postgres { "json" } else { "text" }),
    ];
    if let Some(database) = &postgres {
        vars.push(("DATABASE_URL", &database.url));
    }
    let installation = Installation::new(&vars);
    let mut secrets = Secrets(Vec::new());
    for (name, secret) in [
        ("SECRET_KEY", SECRET_KEY),
        ("POLAR_ACCESS_TOKEN", POLAR_TOKEN),
        ("POLAR_WEBHOOK_SECRET", &POLAR_SECRET["whsec_".len()..]),
        ("OPENROUTER_MANAGEMENT_KEY", MANAGEMENT_KEY),
        ("METRICS_TOKEN", METRICS_TOKEN),
        ("password", PASSWORD),
        ("mistyped password", NEW_PASSWORD),
        ("model key", MODEL_KEY),
        ("refused model key", REFUSED_MODEL_KEY),
    ] {
        secrets.add(name, secret);
    }
    for token in BOTS {
        secrets.add("bot token", token.split(':').next_back().unwrap());
    }
    installation.ok(&["user", "create", "--email", EMAIL, "--password-stdin"], &format!("{PASSWORD}\n"));
    let key = installation.ok(&["key", "create", "--email", EMAIL, "--name", "test"], "");
    secrets.add("API key", &key);
    let revoked = installation.ok(&["key", "create", "--email", EMAIL, "--name", "gone"], "");
    installation.ok(&["key", "revoke", "--key-stdin"], &revoked);
    secrets.add("revoked API key", &revoked);
    for rotate in [&[][..], &["--rotate"]] {
        let signing = installation.ok(&[&["callback-secret", "--email", EMAIL][..], rotate].concat(), "");
        let name = if rotate.is_empty() { "callback secret before" } else { "callback secret" };
        secrets.add(name, signing.strip_prefix("whsec_").unwrap());
    }

    let mut process = installation.serve().await;
    let base = process.base.clone();
    let client = process.client(&key);
    let mut reader = RecordingClient { process: &process, cookie: String::new(), seen: Vec::new() };

    // Signing in with a wrong password and then with the correct one.
    let wrong = [("email", EMAIL), ("password", NEW_PASSWORD), ("next", "")];
    let refused = reader.post("sign_in", "/signin", &wrong).await;
    // The only cookie has the sealed error.
    let set: Vec<_> =
        refused.headers().get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
    assert!(set.iter().all(|cookie| cookie.starts_with("reef-flash=")) && set.len() == 1, "{set:?}");
    assert!(!set[0].contains(EMAIL) && !set[0].contains(NEW_PASSWORD), "{set:?}");
    let right = [("email", EMAIL), ("password", PASSWORD), ("next", "")];
    let answer = reader.post("sign_in", "/signin", &right).await;
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    secrets.add("session id", cookie.split_once('=').unwrap().1);
    reader.cookie = cookie;

    // One assistant for each case: success, rejected bot token, conflict, rejected model key, and managed mode.
    let mut ids = Vec::new();
    let with_callback = |token: &str| {
        merged(
            activation(token),
            json!({"modelApiKey": MODEL_KEY, "callbackUrl": "https://hooks.test/known"}),
        )
    };
    let refused = merged(
        with_callback("700000005:okKnownOtherBotTokenAAAAAAAAAAAAAAA"),
        json!({"modelApiKey": REFUSED_MODEL_KEY}),
    );
    secrets.add("bot token", "okKnownOtherBotTokenAAAAAAAAAAAAAAA");
    for (mode, body, status) in [
        ("byok", with_callback(BOTS[0]), "active"),
        ("byok", with_callback(BOTS[1]), "failed"),
        ("byok", with_callback(BOTS[2]), "failed"),
        ("byok", refused, "failed"),
        ("managed", with_callback(BOTS[3]), "active"),
    ] {
        let bought = client.send("POST", "/purchase", json!({"apiMode": mode})).await.data(201);
        let id = bought["deploymentId"].as_str().unwrap().to_owned();
        let pay = format!("{}/pay", bought["checkoutUrl"].as_str().unwrap());
        assert_eq!(process.http.post(pay).send().await.unwrap().status(), 303);
        let path = format!("/{id}");
        let until = async |status: &str| {
            eventually(&format!("status {status}"), async || {
                (client.get(&path).await["status"] == status).then_some(())
            })
            .await;
        };
        until("purchased").await;
        // Bodies with secrets that are rejected for different reasons.
        let text = body.to_string();
        let half = &text[..text.len() - 1];
        for bad in [
            half.to_owned(),
            text.replace("\"telegramBotToken\":", "\"telegramBotToken\":1,\"telegramBotToken\":"),
            merged(body.clone(), json!({"modelApiKey": [MODEL_KEY]})).to_string(),
            merged(body.clone(), json!({"telegramBotToken": format!("{} and a space", BOTS[0])})).to_string(),
            merged(body.clone(), json!({"modelId": "no-such-model", "more": MODEL_KEY})).to_string(),
            format!("[{text}]"),
        ] {
            let request = client.request("POST", &format!("/api/v1/assistants/{id}/activate"));
            let request = request.header("content-type", "application/json").body(bad);
            let answer = reader.record("the answer to a bad activation".to_owned(), request).await;
            assert_eq!(answer.status(), 400);
        }
        // The page's form is rejected, too, and shows the typed values again.
        let fields = [
            ("id", id.as_str()),
            ("name", ""),
            ("model", "anthropic/claude-sonnet-4-5-20250929"),
            ("model_api_key", MODEL_KEY),
            ("telegram_bot_token", BOTS[0]),
            ("callback_url", "http://nonsense"),
        ];
        let answer = reader.post("activate", &format!("/assistants/{id}"), &fields).await;
        if let Some(to) = answer.headers().get(LOCATION) {
            let to = to.to_str().unwrap().strip_prefix(&base).unwrap_or("/").to_owned();
            reader.crawl(&[to, "/assistants".to_owned(), "/keys".to_owned()]).await;
        }
        let fault = json!([
            {"path": "*/getMe", "status": 500, "times": 1}, {"path": "*/setWebhook", "drop": true, "times": 1},
            {"path": "*/messages", "status": 529, "times": 1}, {"path": "*/keys", "status": 502, "times": 1},
        ]);
        let ordered = process.http.put(format!("{base}/sandbox/faults")).json(&fault).send().await.unwrap();
        assert_eq!(ordered.status(), 200);
        client.ok("POST", &format!("{path}/activate"), body).await;
        until(status).await;
        ids.push(id);
    }
    process.http.put(format!("{base}/sandbox/faults")).json(&json!([])).send().await.unwrap();
    for bot in [BOTS[0], BOTS[3]] {
        let chat = format!("{base}/sandbox/telegram/bots/{}/messages", bot.split(':').next().unwrap());
        process.http.post(&chat).json(&json!({"chatId": 1, "text": "hello"})).send().await.unwrap();
        eventually("an answer", async || {
            let all = process.http.get(&chat).query(&[("chatId", "1")]).send().await.unwrap();
            let all: Value = all.json().await.unwrap();
            (all["data"].as_array().unwrap().last()?["from"] == "bot").then_some(())
        })
        .await;
    }

    // The secrets that Reef generated.
    let own = {
        let mut config = installation.vars.clone();
        if !on_postgres {
            let file = installation.folder.path().join("data/reef.db");
            config.push(("DATABASE_URL".to_owned(), format!("sqlite://{}", file.display())));
        }
        let url = config.into_iter().find(|(name, _)| name == "DATABASE_URL").unwrap().1;
        reef_store::Store::connect(&url).await.unwrap()
    };
    secrets.add("managed key", &managed_key(&own, &ids[4]).await);
    secrets.add("worker's webhook secret", &webhook_secret(&own, &ids[0]).await);
    own.close().await;

    // All responses that can be read.
    client
        .ok("PATCH", &format!("/{}", ids[1]), json!({"telegramBotToken": BOTS[1], "modelApiKey": MODEL_KEY}))
        .await;
    let mut paths: Vec<String> =
        ["/me", "/models", "/assistants", "/assistants?limit=2", "/nothing"].map(str::to_owned).into();
    for id in &ids {
        paths.extend(["", "/status", "/events", "/callbacks"].map(|rest| format!("/assistants/{id}{rest}")));
    }
    for path in &paths {
        let request = client.request("GET", &format!("/api/v1{path}"));
        reader.record(format!("the answer of {path}"), request).await;
    }
    for wrong in [revoked.clone(), format!("{key}x"), key[..key.len() - 1].to_owned()] {
        let request = process.http.get(format!("{base}/api/v1/me")).header("X-API-Key", wrong);
        assert_eq!(reader.record("the answer to a wrong key".to_owned(), request).await.status(), 401);
    }
    for path in
        ["/metrics", "/readyz", "/healthz", "/api/openapi", "/sandbox/requests", "/sandbox/callbacks/"]
    {
        let request = process.http.get(format!("{base}{path}")).bearer_auth(METRICS_TOKEN);
        reader.record(path.to_owned(), request).await;
    }
    let pages = ids.iter().map(|id| format!("/assistants/{id}"));
    let pages: Vec<_> =
        pages.chain(["/", "/assistants", "/keys", "/assistants/new"].map(str::to_owned)).collect();
    reader.crawl(&pages).await;
    let page = process.http.get(format!("{base}/keys")).header(COOKIE, &reader.cookie).send().await.unwrap();
    let token = hidden(&page.text().await.unwrap(), "token");
    let made =
        [("name", "by form"), ("read", "true"), ("write", "true"), ("expires_days", "0"), ("token", &token)];
    let answer = reader.post("create_key", "/keys", &made).await;
    let to = answer.headers()[LOCATION].to_str().unwrap().to_owned();
    let shown = process.http.get(if to.starts_with('/') { format!("{base}{to}") } else { to });
    // This page shows a new key once, so it is not searched for that key.
    let mut set = answer.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let flash = set.rfind(|value| value.starts_with("reef-flash=")).expect("the key is not shown");
    let cookies = format!("{}; {}", reader.cookie, flash.split(';').next().unwrap());
    let shown = shown.header(COOKIE, cookies).send().await.unwrap().text().await.unwrap();
    let at = shown.find("reef_live_").expect("the new key is missing");
    let made: String = shown[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    secrets.add("API key made by a form", &made);
    client.ok("POST", &format!("/{}/stop", ids[0]), Value::Null).await;
    client.ok("DELETE", &format!("/{}", ids[1]), Value::Null).await;
    receiver.bodies(8).await;
    for (headers, body) in receiver.got() {
        reader.seen.push(("a callback".to_owned(), [format!("{headers:?}").as_bytes(), &body[..]].concat()));
    }
    let seen = std::mem::take(&mut reader.seen);
    drop(reader);
    let live = read_database(&installation, postgres.as_ref());
    // The email address is not a secret, so finding it shows that the search works.
    assert!(String::from_utf8_lossy(&live).contains(EMAIL));
    secrets.assert_not_in("the live database", &live, &[]);
    process.terminate();
    assert!(seen.len() > 60, "{}", seen.len());
    for (place, text) in &seen {
        let allowed: &[&str] = match place.as_str() {
            // This page shows the signing secret to its owner.
            page if page.starts_with("the page /keys") => &["callback secret"],
            // This response contains a new key.
            "the answer to the form create_key" => &["API key made by a form"],
            _ => &[],
        };
        secrets.assert_not_in(place, text, allowed);
    }
    secrets.assert_not_in("the database", &read_database(&installation, postgres.as_ref()), &[]);
    let spans: Vec<u8> = collector.got().iter().flat_map(|(_, body)| body.to_vec()).collect();
    assert!(
        String::from_utf8_lossy(&spans).contains("vendor call")
            || String::from_utf8_lossy(&spans).contains("telegram POST")
    );
    secrets.assert_not_in("the traces", &spans, &[]);
    let log = read_log(installation.folder.path());
    let text = String::from_utf8_lossy(&log);
    assert!(
        text.contains("TRACE") && text.contains("sqlx::query") && text.contains(&ids[0]),
        "the log is at trace level"
    );
    secrets.assert_not_in("the log", &log, &[]);
}

fn read_log(folder: &Path) -> Vec<u8> {
    ["log", "out"].map(|name| std::fs::read(folder.join(name)).expect("the log could not be read")).concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_not_leaked_on_sqlite() {
    search_everywhere(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_not_leaked_on_postgres() {
    search_everywhere(true).await;
}
