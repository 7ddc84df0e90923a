//! Sets up a worker host and sends updates to its worker.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use reef_domain::Assistant;
use reef_domain::ids::{AssistantId, UserId};
use reef_domain::wire::{ApiMode, Provider};
use reef_outbound::{Http, ProviderUrls};
use reef_outbound::{SystemClock, SystemEntropy};
use reef_ports::{Clock as _, WorkerRef, WorkerSpec};
use reef_store::{SettingsRow, Store, UserRow};
use reef_vault::Vault;
use reef_workers::embedded::{Config, Embedded, UpdateSource, WebhookOutcome};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fake_server::FakeServer;

pub const NAME: &str = "openclaw-00000001";
pub const OTHER_NAME: &str = "openclaw-00000002";
pub const SECRET: &str = "hook-secret";
pub const TOKEN: &str = "1001:AAfirst";

/// The id of the assistant under test.
pub fn assistant() -> AssistantId {
    AssistantId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap()
}

pub fn worker(generation: i64) -> WorkerRef {
    WorkerRef { assistant_id: assistant(), worker_name: NAME.to_owned(), generation }
}

pub fn spec(generation: i64, token: &str) -> WorkerSpec {
    WorkerSpec {
        worker: worker(generation),
        name: "Coral".to_owned(),
        bot_token: token.into(),
        webhook_secret: SECRET.into(),
        bot_id: token.split_once(':').unwrap().0.parse().unwrap(),
        bot_username: "coral_bot".to_owned(),
        provider: Provider::Openai,
        model_id: "gpt".to_owned(),
        model_key: "sk-model-secret".into(),
    }
}

/// The worker of another assistant with another bot.
pub fn other_spec() -> WorkerSpec {
    let assistant_id = AssistantId::parse("01890a5d-ac96-774b-bcce-b302099a8058").unwrap();
    let worker = WorkerRef { assistant_id, worker_name: OTHER_NAME.to_owned(), generation: 1 };
    WorkerSpec { worker, ..spec(1, "3003:AAother") }
}

/// Stores the assistants that the tests start workers for. Everyone may talk to them.
async fn insert_assistants(store: &Store) {
    let owner = UserRow {
        id: UserId::new(assistant().uuid()),
        email: "ann@example.com".to_owned(),
        password_hash: String::new(),
        signing_secret: vec![1],
        previous_signing_secret: None,
        signing_secret_rotated_at: None,
        created_at: SystemClock.now(),
        email_confirmed_at: None,
    };
    let mut tx = store.begin().await.unwrap();
    if !tx.insert_user(&owner).await.unwrap() {
        return;
    }
    for id in [assistant(), other_spec().worker.assistant_id] {
        tx.insert_assistant(&Assistant::new(id, owner.id, ApiMode::Byok, SystemClock.now())).await.unwrap();
        let open = SettingsRow {
            revision: 1,
            document: r#"{"access":{"mode":"anyone"}}"#.to_owned(),
            mcp_headers: None,
            updated_at: SystemClock.now(),
        };
        tx.save_settings(id, &open).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Creates a host that is not running yet.
pub async fn host(store: &Store, world: &FakeServer, delivery: UpdateSource) -> Embedded {
    insert_assistants(store).await;
    let key = BASE64.encode(&[7; 32]);
    let config = Config {
        public_url: "https://reef.test".to_owned(),
        telegram_url: format!("{}/telegram", world.url),
        provider_urls: ProviderUrls { openai: format!("{}/openai/v1", world.url), ..ProviderUrls::default() },
        update_source: delivery,
        drain: Duration::from_millis(200),
    };
    Embedded::new(
        store.clone(),
        Arc::new(Vault::new(&key.into()).unwrap()),
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
        Http::new().unwrap(),
        config,
    )
}

/// A host with its running loop.
pub struct Running {
    pub host: Embedded,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

pub async fn run(store: &Store, world: &FakeServer, delivery: UpdateSource) -> Running {
    let (host, stop) = (host(store, world, delivery).await, CancellationToken::new());
    let (runner, token) = (host.clone(), stop.clone());
    let task = tokio::spawn(async move { runner.run(token).await });
    Running { host, stop, task }
}

impl Running {
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Creates an update with a message in `chat`, extended by `fields`.
pub fn message_update(update_id: i64, chat: &Value, fields: &Value) -> Value {
    let mut message = json!({
        "message_id": update_id, "date": 1_767_225_600, "chat": chat,
        "from": {"id": 77, "is_bot": false, "first_name": "Ann"},
    });
    message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({"update_id": update_id, "message": message})
}

/// Sends an update to the webhook as Telegram does.
pub async fn send_update(host: &Embedded, update: &Value) -> WebhookOutcome {
    host.receive(NAME, Some(SECRET), update.to_string().as_bytes()).await
}

/// Creates an update with a text in a private chat.
pub fn text_update(update_id: i64, chat: i64, text: &str) -> Value {
    // Telegram marks a command up to the first space.
    let command = text.split(' ').next().filter(|word| word.starts_with('/'));
    let command = command.map(|word| json!({"type": "bot_command", "offset": 0, "length": word.len()}));
    let entities: Vec<_> = command.into_iter().collect();
    json!({"update_id": update_id, "message": {
        "message_id": update_id, "date": 1_767_225_600, "text": text, "entities": entities,
        "from": {"id": chat, "is_bot": false, "first_name": "Ann"},
        "chat": {"id": chat, "type": "private"},
    }})
}

/// Sends a text in a private chat to the webhook as Telegram does.
pub async fn send_text(host: &Embedded, update_id: i64, chat: i64, text: &str) -> WebhookOutcome {
    host.receive(NAME, Some(SECRET), text_update(update_id, chat, text).to_string().as_bytes()).await
}
