//! Starts a server in the test process with a separate database, and offers helpers for tests.

use std::net::SocketAddr;
use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};
use reef_server::compose::{self, PublicUrls};
use reef_server::config::Config;
use reef_server::serve::serve_store;
use reef_service::api_keys::NewApiKey;
use reef_service::{Caller, Services};
use reef_store::testing::TestStore;
use reef_store::{EventRow, Store};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, http_client};
use crate::customer::Customer;
use crate::flashes::FlashCookies;
use crate::postgres::TestDatabase;

/// How long asynchronous changes may take.
const TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Clone, Copy)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// Expands each test into `sqlite::…` and `postgres::…`. Its body gets an [`App`].
macro_rules! on_both_databases {
    ($(async fn $name:ident($app:ident) $body:block)+) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let $app = App::start_on($crate::support::Database::Sqlite, &[]).await;
                $body
            })+
        }
        mod postgres {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let $app = App::start_on($crate::support::Database::Postgres, &[]).await;
                $body
            })+
        }
    };
}
pub(crate) use on_both_databases;

/// A running server, and a service layer on the same database.
pub struct App {
    pub address: SocketAddr,
    pub services: Services,
    pub http: reqwest::Client,
    /// What the browsers of the test have.
    pub flashes: FlashCookies,
    stop: CancellationToken,
    _database: Option<TestDatabase>,
    _folder: TempDir,
}

impl App {
    /// Starts a server on SQLite with the defaults.
    pub async fn start() -> Self {
        Self::start_on(Database::Sqlite, &[]).await
    }

    /// Starts a server on SQLite with these variables.
    pub async fn start_with(vars: &[(&str, &str)]) -> Self {
        Self::start_on(Database::Sqlite, vars).await
    }

    /// Starts a server on a new database with these variables.
    pub async fn start_on(database: Database, vars: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("could not create a folder");
        let file = format!("sqlite://{}", folder.path().join("reef.db").display());
        let database = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(TestDatabase::create().await),
        };
        let url = database.as_ref().map_or(file, |database| database.url.clone());
        let config = config(url, &folder, vars);
        let store = compose::open_store(&config).await.expect("the database failed");
        Self::run(config, store, folder, database).await
    }

    /// Starts a server that uses an open store.
    pub async fn start_on_store(database: &TestStore) -> Self {
        let folder = tempfile::tempdir().expect("could not create a folder");
        let file = database.file().expect("the store is not on SQLite");
        let config = config(format!("sqlite://{}", file.display()), &folder, &[]);
        Self::run(config, database.store.clone(), folder, None).await
    }

    /// Runs a server on `store`. The test uses it as well, so that what the test changes is a change of the same process.
    async fn run(config: Config, store: Store, folder: TempDir, database: Option<TestDatabase>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("no free port");
        let address = listener.local_addr().expect("the listener has no address");
        let own = compose::build_app(&config, store.clone(), PublicUrls::new(&config, address))
            .expect("the service layer could not be built");
        let stop = CancellationToken::new();
        tokio::spawn({
            let stop = stop.clone();
            async move {
                serve_store(&config, store, listener, stop).await.expect("the server failed");
            }
        });
        let http = http_client();
        let app = Self {
            address,
            services: own.services,
            http,
            flashes: FlashCookies::default(),
            stop,
            _database: database,
            _folder: folder,
        };
        eventually("the server to be ready", async || {
            app.http.get(app.url("/readyz")).send().await.ok().filter(|answer| answer.status() == 200)
        })
        .await;
        app
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A client without an API key.
    pub fn anonymous(&self) -> Client {
        Client::new(self.http.clone(), format!("http://{}", self.address), None)
    }

    /// Creates an account and a client with a key that has all scopes.
    pub async fn customer(&self) -> Customer<'_> {
        let user = self.user().await;
        let (client, _) = self.key(user, "read write", None).await;
        Customer { app: self, user, client }
    }

    /// Creates an account and returns its id.
    pub async fn user(&self) -> UserId {
        let email = format!("u{}@example.com", self.services.new_uuid());
        let password = SecretString::from("correct horse battery staple 9");
        self.services.create_user(&email, &password).await.expect("the account was not found").id
    }

    /// Creates an API key, and returns a client with it and the key's id.
    pub async fn key(&self, user: UserId, scopes: &str, expires_in: Option<Duration>) -> (Client, String) {
        let new = NewApiKey {
            name: "test".to_owned(),
            read: scopes.contains("read"),
            write: scopes.contains("write"),
            expires_in,
            ..NewApiKey::default()
        };
        let made = self.services.create_api_key(&Caller::operator(user), &new).await;
        let (key, secret) = made.expect("the API key is missing");
        (self.anonymous().with_key(secret.expose_secret()), key.id.to_string())
    }

    /// Returns a client with a revoked key.
    pub async fn revoked_client(&self, user: UserId) -> Client {
        let (client, id) = self.key(user, "read write", None).await;
        self.services.revoke_api_key(&Caller::operator(user), &id).await.expect("could not revoke the key");
        client
    }

    /// Returns a client with an expired key.
    pub async fn expired_client(&self, user: UserId) -> Client {
        let (client, _) = self.key(user, "read write", Some(Duration::from_millis(1))).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        client
    }

    /// Sets the faults of the next requests to vendors.
    pub async fn faults(&self, faults: Value) {
        let answer = self
            .http
            .put(self.url("/sandbox/faults"))
            .json(&faults)
            .send()
            .await
            .expect("the request failed");
        assert_eq!(answer.status(), 200, "{faults}");
    }

    /// Returns Reef's requests to a vendor, oldest first.
    pub async fn vendor_requests(&self, vendor: &str) -> Vec<Value> {
        let url = self.url(&format!("/sandbox/requests?vendor={vendor}"));
        let answer: Value = self
            .http
            .get(url)
            .send()
            .await
            .expect("the request failed")
            .json()
            .await
            .expect("the response is not JSON");
        answer["data"].as_array().cloned().expect("the value is not a list")
    }

    /// Returns a subscription from Polar.
    pub async fn subscription(&self, id: &str) -> Value {
        let url = self.url(&format!("/sandbox/polar/v1/subscriptions/{id}"));
        let answer = self.http.get(url).bearer_auth("test").send().await.expect("the request failed");
        answer.json().await.expect("the response is not JSON")
    }

    /// Returns the assistant's timeline, oldest first.
    pub async fn events(&self, id: &str) -> Vec<EventRow> {
        let id = AssistantId::parse(id).expect("the id is invalid");
        let mut tx = self.services.store().read().await.expect("could not begin a transaction");
        let mut events = tx.list_events(id, 100).await.expect("could not list the events");
        events.reverse();
        events
    }

    /// Changes a slot as if it had been ordered this long ago.
    pub async fn backdate_order(&self, id: &str, ago: Duration) {
        let id = AssistantId::parse(id).expect("the id is invalid");
        let moment: Timestamp = self.services.now().minus(ago);
        let sql = "update assistants set created_at = $1 where id = $2";
        let changed = match self.services.store().database() {
            reef_store::Database::Sqlite { write, .. } => {
                let done = sqlx::query(sql).bind(moment).bind(id).execute(write).await;
                done.expect("the update failed").rows_affected()
            }
            reef_store::Database::Postgres(pool) => {
                let done = sqlx::query(sql).bind(moment).bind(id).execute(pool).await;
                done.expect("the update failed").rows_affected()
            }
        };
        assert_eq!(changed, 1);
        self.services.store().forget_all();
    }
}

/// The configuration of a server with these variables.
fn config(database_url: String, folder: &TempDir, vars: &[(&str, &str)]) -> Config {
    let mut all = vec![
        ("DATABASE_URL".to_owned(), database_url),
        ("SANDBOX_DATABASE".to_owned(), folder.path().join("sandbox.db").display().to_string()),
        ("SECRET_KEY".to_owned(), "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".to_owned()),
        ("SANDBOX".to_owned(), "true".to_owned()),
        ("RATE_LIMIT_PER_MINUTE".to_owned(), "1000000".to_owned()),
        ("AUTH_FAILURES_PER_MINUTE".to_owned(), "1000000".to_owned()),
    ];
    all.extend(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Config::from_vars(all).expect("the configuration is invalid")
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Repeats a check until it returns a value, and panics after a timeout.
pub async fn eventually<T>(what: &str, check: impl AsyncFn() -> Option<T>) -> T {
    let repeated = async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, repeated).await.unwrap_or_else(|_| panic!("timed out: {what}"))
}

/// Returns an unused bot token. The sandbox handles it by `kind`; `ok` has no special meaning.
pub fn bot_token(kind: &str) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(100_000_001);
    format!("{}:{kind}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns a body that activates a slot in either mode.
pub fn activation(token: &str) -> Value {
    json!({
        "name": "My Assistant", "modelProvider": "anthropic", "modelId": "claude-sonnet-4-5-20250929",
        "telegramBotToken": token, "modelApiKey": "sk-ant-0123456789abcdef",
    })
}

/// Replaces the fields of `body` that `change` has, and removes those whose new value is `"…"`.
pub fn merged(mut body: Value, change: Value) -> Value {
    let fields = body.as_object_mut().expect("the value is not an object");
    for (key, value) in change.as_object().cloned().expect("the value is not an object") {
        if value == "…" {
            fields.shift_remove(&key);
        } else {
            fields.insert(key, value);
        }
    }
    body
}

/// Returns path and code of each issue in an error's details.
pub fn issues(error: &Value) -> Vec<(String, String)> {
    let issues = error["details"]["issues"].as_array().unwrap_or_else(|| panic!("no issues in {error}"));
    let text = |issue: &Value, key: &str| issue[key].as_str().expect("the value is not text").to_owned();
    issues
        .iter()
        .inspect(|issue| {
            let keys: Vec<_> = issue.as_object().expect("the value is not an object").keys().collect();
            assert_eq!(keys, ["path", "code", "message"], "{issue}");
            assert!(!text(issue, "message").is_empty());
        })
        .map(|issue| (text(issue, "path"), text(issue, "code")))
        .collect()
}

/// Converts pairs to the type that [`issues`] returns.
pub fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(path, code)| ((*path).to_owned(), (*code).to_owned())).collect()
}
