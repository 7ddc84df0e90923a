//! Kills at every await: the turns of a chat are dropped one poll later each time, between any two messages to the database,
//! Telegram and the model, and another process continues.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use data_encoding::BASE64;
use reef_domain::Assistant;
use reef_domain::ids::{AssistantId, UpdateRowId, UserId};
use reef_domain::wire::{ApiMode, Provider};
use reef_outbound::{Http, ProviderUrls, SystemClock, SystemEntropy};
use reef_ports::{Clock as _, WorkerHost as _, WorkerRef, WorkerSpec};
use reef_store::{ConversationKey, NewBotUpdate, SettingsRow, Store, UserRow, on_both_databases};
use reef_vault::Vault;
use serde_json::json;
use uuid::Uuid;

use crate::embedded::{Config, Embedded, UpdateSource};

#[path = "../../tests/it/fake_server.rs"]
#[allow(dead_code, reason = "the integration tests use the rest")]
mod fake_server;

use fake_server::FakeServer;

/// After this many complete runs, no new point is found.
const COMPLETE_RUNS: usize = 3;

/// Runs a future for a number of polls and then drops it where it is, as if the process were killed.
struct Interruptible<F> {
    life: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for Interruptible<F> {
    /// `None` when the future was dropped.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        self.life.as_mut().poll(context).map(Some)
    }
}

fn assistant() -> AssistantId {
    AssistantId::new(Uuid::from_u128(7))
}

fn process(store: &Store, world: &FakeServer) -> Embedded {
    let config = Config {
        public_url: "https://reef.test".to_owned(),
        telegram_url: format!("{}/telegram", world.url),
        provider_urls: ProviderUrls { openai: format!("{}/openai/v1", world.url), ..ProviderUrls::default() },
        update_source: UpdateSource::Webhook,
        drain: Duration::from_millis(200),
    };
    Embedded::new(
        store.clone(),
        Arc::new(Vault::new(&BASE64.encode(&[7; 32]).into()).unwrap()),
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
        Http::new().unwrap(),
        config,
    )
}

/// Stores an assistant that answers everyone, and its worker.
async fn start_worker(store: &Store, host: &Embedded) {
    let now = SystemClock.now();
    let owner = UserRow {
        id: UserId::new(Uuid::from_u128(1)),
        email: "ann@example.com".to_owned(),
        password_hash: String::new(),
        signing_secret: vec![1],
        previous_signing_secret: None,
        signing_secret_rotated_at: None,
        created_at: now,
        email_confirmed_at: None,
    };
    let document = r#"{"access":{"mode":"anyone"}}"#.to_owned();
    let open = SettingsRow { revision: 1, document, mcp_headers: None, updated_at: now };
    let mut tx = store.begin().await.unwrap();
    assert!(tx.insert_user(&owner).await.unwrap());
    tx.insert_assistant(&Assistant::new(assistant(), owner.id, ApiMode::Byok, now)).await.unwrap();
    tx.save_settings(assistant(), &open).await.unwrap();
    tx.commit().await.unwrap();
    let spec = WorkerSpec {
        worker: WorkerRef { assistant_id: assistant(), worker_name: "openclaw-1".to_owned(), generation: 1 },
        name: "Coral".to_owned(),
        bot_token: "1001:AAfirst".into(),
        webhook_secret: "hook-secret".into(),
        bot_id: 1001,
        bot_username: "coral_bot".to_owned(),
        provider: Provider::Openai,
        model_id: "gpt".to_owned(),
        model_key: "sk-model-secret".into(),
    };
    host.start(&spec).await.unwrap();
}

async fn insert_question(store: &Store, number: i64) {
    let body = json!({"update_id": number, "message": {
        "message_id": number, "text": "question", "chat": {"id": number, "type": "private"},
        "from": {"id": number, "is_bot": false, "first_name": "Ann"},
    }});
    let update = NewBotUpdate {
        id: UpdateRowId::new(Uuid::from_u128(u128::try_from(number).unwrap())),
        assistant_id: assistant(),
        bot_id: 1001,
        update_id: number,
        chat_id: number,
        body: body.to_string(),
        media_group_id: None,
        not_before: None,
    };
    let mut tx = store.begin().await.unwrap();
    assert!(tx.insert_bot_update(&update, SystemClock.now()).await.unwrap());
    tx.commit().await.unwrap();
}

/// Processes the updates of a chat in a process of its own, and kills it after `polls` polls. Returns whether it was done before.
async fn live(store: &Store, world: &FakeServer, chat: i64, polls: usize) -> bool {
    let host = process(store, world);
    host.release_leases().await.unwrap();
    let slot = host.inner.slots.reserve((assistant(), chat), &host.inner.halt).unwrap();
    Interruptible { life: Box::pin(host.process_updates(slot)), polls }.await.is_some()
}

on_both_databases! {
    async fn chat_ends_with_one_whole_answer_wherever_its_turn_was_killed(db: TestStore) {
        let world = FakeServer::start().await;
        start_worker(&db.store, &process(&db.store, &world)).await;
        let (mut complete, mut polls, mut repeated) = (0, 0, 0);
        while complete < COMPLETE_RUNS {
            polls += 1;
            let chat = 10_000 + i64::try_from(polls).unwrap();
            insert_question(&db.store, chat).await;
            complete += usize::from(live(&db.store, &world, chat, polls).await);
            assert!(live(&db.store, &world, chat, usize::MAX).await);
            let texts = world.texts(chat);
            // A part that Telegram has accepted is sent again if the process dies before that is recorded.
            assert!((1..=2).contains(&texts.len()), "killed at poll {polls}: {texts:?}");
            assert!(texts.iter().all(|text| text == "question after 0"), "killed at poll {polls}: {texts:?}");
            repeated += texts.len() - 1;
            let mut tx = db.store.read().await.unwrap();
            let stored = tx.list_recent_messages(assistant(), ConversationKey::of_chat(chat), 9).await.unwrap();
            assert_eq!(stored.len(), 2, "killed at poll {polls}");
            assert!(!tx.has_open_updates(assistant(), chat).await.unwrap(), "killed at poll {polls}");
        }
        // How many wake-ups fall together depends on the machine.
        assert!(polls > 8, "only {polls} points to kill at");
        assert!(repeated < polls, "{repeated} of {polls} answers were sent again");
    }
}
