//! A host in memory. Telegram and the model answer from scripts, the clock is tokio's paused one, and a turn can be
//! killed after any call.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use reef_assistant::{
    AlbumPart, Host, MemoryChange, MemoryError, Reply, Settings, TurnError, TurnOutcome, run_turn,
};
use reef_domain::wire::Provider;
use reef_protocols::model::Turn;
use reef_protocols::telegram::{Update, parse_update};
use reef_protocols::{HttpError, HttpRequest, HttpResponse};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// Monday, 23 November 2026, 00:00 UTC.
const STARTED_UNIX_MS: i64 = 1_795_392_000_000;

pub fn settings() -> Settings {
    Settings {
        name: "Ada".into(),
        bot_token: "123456:AAsecret".into(),
        bot_username: "ada_bot".into(),
        telegram_url: "https://telegram.test".into(),
        provider: Provider::Anthropic,
        provider_url: "https://model.test".into(),
        model_id: "claude-opus-5".into(),
        api_key: "sk-ant-secret".into(),
        credit: None,
    }
}

/// A private text message. Like Telegram, it marks a command at the beginning, up to the first space.
pub fn text_update(update_id: i64, text: &str) -> Update {
    let command = text.starts_with('/').then(|| text.split(' ').next().unwrap_or_default().len());
    let entities: Vec<_> = command
        .map(|length| json!({"type": "bot_command", "offset": 0, "length": length}))
        .into_iter()
        .collect();
    message_update(update_id, json!({"text": text, "entities": entities}))
}

/// A private message in which `fields` replace or extend the default ones.
pub fn message_update(update_id: i64, fields: Value) -> Update {
    let mut message = json!({
        "message_id": update_id * 10,
        "date": 1_795_392_000,
        "from": {"id": 7, "is_bot": false, "first_name": "Bob"},
        "chat": {"id": 7, "type": "private", "first_name": "Bob"},
    });
    for (key, value) in fields.as_object().expect("an object") {
        message[key] = value.clone();
    }
    let body = json!({"update_id": update_id, "message": message});
    parse_update(body.to_string().as_bytes()).expect("an update")
}

pub fn answer(text: &str) -> ScriptedResponse {
    let body = json!({"type": "message", "role": "assistant", "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn"});
    respond(200, body)
}

pub fn respond(status: u16, body: Value) -> ScriptedResponse {
    let response = HttpResponse {
        status,
        retry_after_s: None,
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
    };
    ScriptedResponse { after: Duration::ZERO, outcome: Ok(response) }
}

pub fn fail(error: HttpError) -> ScriptedResponse {
    ScriptedResponse { after: Duration::ZERO, outcome: Err(error) }
}

/// A scripted response to one request, after a delay.
pub struct ScriptedResponse {
    after: Duration,
    outcome: Result<HttpResponse, HttpError>,
}

impl ScriptedResponse {
    pub fn after_s(self, seconds: u64) -> Self {
        Self { after: Duration::from_secs(seconds), ..self }
    }

    pub fn retry_after_s(mut self, seconds: u64) -> Self {
        self.outcome.as_mut().expect("a response").retry_after_s = Some(seconds);
        self
    }
}

/// A request that the turn sent: when, to which Telegram method or to `model`, and with which body.
#[derive(Debug, Clone)]
pub struct Call {
    pub at: Duration,
    pub method: String,
    pub body: Value,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    /// The responses of the model, followed by "ok" forever.
    model: VecDeque<ScriptedResponse>,
    /// The responses to `sendMessage`, followed by success forever.
    send: VecDeque<ScriptedResponse>,
    /// How long `sendChatAction` takes.
    typing_delay: Duration,
    turns: HashMap<i64, Vec<Turn>>,
    replies: HashMap<i64, Reply>,
    albums: HashMap<String, Vec<AlbumPart>>,
    migrations: Vec<(i64, i64)>,
    memory_fails: bool,
    host_calls: usize,
    crash_after: Option<usize>,
}

impl State {
    fn is_dead(&self) -> bool {
        self.crash_after.is_some_and(|calls| self.host_calls >= calls)
    }
}

pub struct FakeHost {
    state: Mutex<State>,
    started: Instant,
    crashed: Notify,
}

impl FakeHost {
    pub fn new() -> Self {
        Self { state: Mutex::default(), started: Instant::now(), crashed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with the lock")
    }

    pub fn with_model_responses(self, script: impl IntoIterator<Item = ScriptedResponse>) -> Self {
        self.state().model.extend(script);
        self
    }

    pub fn with_telegram_responses(self, script: impl IntoIterator<Item = ScriptedResponse>) -> Self {
        self.state().send.extend(script);
        self
    }

    /// Adds the parts of an album that have arrived.
    pub fn with_album(self, media_group_id: &str, parts: impl IntoIterator<Item = AlbumPart>) -> Self {
        self.state().albums.insert(media_group_id.to_owned(), parts.into_iter().collect());
        self
    }

    /// The recorded migrations, in order.
    pub fn migrations(&self) -> Vec<(i64, i64)> {
        self.state().migrations.clone()
    }

    pub fn with_typing_delay_s(self, seconds: u64) -> Self {
        self.state().typing_delay = Duration::from_secs(seconds);
        self
    }

    pub fn set_memory_fails(&self, fails: bool) {
        self.state().memory_fails = fails;
    }

    /// Runs a turn until it ends.
    pub async fn turn(&self, update: &Update) -> Result<TurnOutcome, TurnError> {
        run_turn(self, &settings(), update).await
    }

    /// Runs a turn and kills it after `host_calls` calls. Returns `true` if it ended before that.
    pub async fn killed_turn(&self, update: &Update, host_calls: usize) -> bool {
        {
            let mut world = self.state();
            (world.host_calls, world.crash_after) = (0, Some(host_calls));
        }
        let ended = tokio::select! {
            ended = self.turn(update) => { ended.expect("only the kill stops the turn"); true }
            () = self.crashed.notified() => false,
        };
        self.state().crash_after = None;
        ended
    }

    pub fn calls(&self, what: &str) -> Vec<Call> {
        self.state().calls.iter().filter(|call| call.method == what).cloned().collect()
    }

    /// The texts of all `sendMessage` calls.
    pub fn sent(&self) -> Vec<String> {
        let text = |call: &Call| call.body["text"].as_str().expect("a text").to_owned();
        self.calls("sendMessage").iter().map(text).collect()
    }

    /// How many parts of the reply to an update are recorded as sent.
    pub fn recorded_parts(&self, update_id: i64) -> usize {
        self.state().replies.get(&update_id).map_or(0, |reply| reply.sent)
    }

    pub fn conversation(&self, chat_id: i64) -> Vec<Turn> {
        self.state().turns.get(&chat_id).cloned().unwrap_or_default()
    }

    /// Blocks forever if the turn has been killed. Every call begins with it.
    async fn block_if_killed(&self) {
        if self.state().is_dead() {
            std::future::pending::<()>().await;
        }
    }

    /// Counts a call and kills the turn if it was the last one. Every call ends with it.
    async fn count_call(&self) {
        let dies = {
            let mut world = self.state();
            world.host_calls += 1;
            world.is_dead()
        };
        if dies {
            self.crashed.notify_one();
            std::future::pending::<()>().await;
        }
    }

    async fn memory<T>(&self, work: impl FnOnce(&mut State) -> T) -> Result<T, MemoryError> {
        self.block_if_killed().await;
        let done = {
            let mut world = self.state();
            if world.memory_fails {
                return Err(MemoryError("disk full".into()));
            }
            work(&mut world)
        };
        self.count_call().await;
        Ok(done)
    }
}

impl Host for FakeHost {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.block_if_killed().await;
        let (base, path) = request.url.split_at(request.url.find(".test/").expect("a test URL") + 6);
        let is_model = base.contains("model");
        let what = if is_model { "model" } else { path.rsplit('/').next().expect("a method") };
        let scripted = {
            let mut world = self.state();
            let body = serde_json::from_slice(&request.body).expect("JSON");
            world.calls.push(Call { at: self.started.elapsed(), method: what.to_owned(), body });
            match what {
                "model" => world.model.pop_front().unwrap_or_else(|| answer("ok")),
                "sendMessage" => world.send.pop_front().unwrap_or_else(succeed),
                "sendChatAction" => ScriptedResponse { after: world.typing_delay, ..succeed() },
                _ => succeed(),
            }
        };
        sleep(scripted.after).await;
        self.count_call().await;
        scripted.outcome
    }

    async fn sleep(&self, wait: Duration) {
        sleep(wait).await;
    }

    fn now_unix_ms(&self) -> i64 {
        STARTED_UNIX_MS + i64::try_from(self.started.elapsed().as_millis()).expect("a short test")
    }

    async fn list_recent_turns(&self, chat_id: i64, limit: usize) -> Result<Vec<Turn>, MemoryError> {
        self.memory(|world| {
            let turns = world.turns.entry(chat_id).or_default();
            turns[turns.len().saturating_sub(limit)..].to_vec()
        })
        .await
    }

    async fn find_reply(&self, update_id: i64) -> Result<Option<Reply>, MemoryError> {
        self.memory(|world| world.replies.get(&update_id).cloned()).await
    }

    async fn save_reply(
        &self,
        update_id: i64,
        reply: &Reply,
        change: &MemoryChange,
    ) -> Result<(), MemoryError> {
        self.memory(|world| {
            if world.replies.contains_key(&update_id) {
                return;
            }
            world.replies.insert(update_id, reply.clone());
            match change {
                MemoryChange::Keep => {}
                MemoryChange::Append { chat_id, turns } => {
                    world.turns.entry(*chat_id).or_default().extend(turns.iter().cloned());
                }
                MemoryChange::Forget { chat_id } => {
                    world.turns.remove(chat_id);
                }
            }
        })
        .await
    }

    async fn update_reply(&self, update_id: i64, reply: &Reply) -> Result<(), MemoryError> {
        self.memory(|world| {
            let saved = world.replies.get_mut(&update_id).expect("a saved reply");
            *saved = Reply { sent: saved.sent, ..reply.clone() };
        })
        .await
    }

    async fn migrate_chat(&self, from_chat_id: i64, to_chat_id: i64) -> Result<(), MemoryError> {
        self.memory(|world| {
            world.migrations.push((from_chat_id, to_chat_id));
            let moved = world.turns.remove(&from_chat_id).unwrap_or_default();
            world.turns.entry(to_chat_id).or_default().splice(..0, moved);
        })
        .await
    }

    async fn list_album_parts(
        &self,
        _chat_id: i64,
        media_group_id: &str,
    ) -> Result<Vec<AlbumPart>, MemoryError> {
        self.memory(|world| world.albums.get(media_group_id).cloned().unwrap_or_default()).await
    }

    async fn record_part_sent(&self, update_id: i64, part_index: usize) -> Result<(), MemoryError> {
        self.memory(|world| {
            world.replies.get_mut(&update_id).expect("a saved reply").sent = part_index + 1;
        })
        .await
    }
}

fn succeed() -> ScriptedResponse {
    respond(200, json!({"ok": true, "result": true}))
}
