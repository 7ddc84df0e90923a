//! A server on loopback that acts as Telegram and as a model in OpenAI's format.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A message that a bot has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub token: String,
    pub chat: i64,
    pub text: String,
}

#[derive(Default)]
struct Facts {
    said: Vec<Said>,
    /// The last question of each request to the model.
    asked: Vec<String>,
    /// Questions that the model leaves unanswered until they are removed.
    stuck: HashSet<String>,
    /// Whether `sendMessage` neither accepts a message nor responds.
    is_mute: bool,
    /// Whether `sendMessage` accepts a message and delays its response.
    is_silent: bool,
    /// How many of the next `sendMessage` calls fail with status 500.
    failing: usize,
    /// The rejections of the next `sendMessage` calls by chat.
    refusals: HashMap<i64, VecDeque<Value>>,
    /// When `sendMessage` was called for a chat, accepted or not.
    tries: Vec<(Instant, i64)>,
    revoked: HashSet<String>,
    /// The updates for `getUpdates` by token, each with whether it has been delivered.
    waiting: HashMap<String, Vec<(Value, bool)>>,
    /// The rejections of the next `getUpdates` calls.
    poll_refusals: VecDeque<Value>,
    /// Whether `getUpdates` ignores confirmations.
    is_forgetful: bool,
    /// The token and offset of every `getUpdates` call.
    polls: Vec<(String, Option<i64>)>,
    menus: usize,
}

#[derive(Clone)]
pub struct World {
    pub url: String,
    facts: Arc<Mutex<Facts>>,
}

impl World {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = Self { url, facts: Arc::default() };
        let app = Router::new()
            .route("/telegram/{bot}/{method}", post(telegram))
            .route("/openai/v1/chat/completions", post(model))
            .with_state(world.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        world
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap()
    }

    /// The messages that bots have sent, oldest first.
    pub fn said(&self) -> Vec<Said> {
        self.facts().said.clone()
    }

    /// The texts that bots have sent to a chat, oldest first.
    pub fn texts(&self, chat: i64) -> Vec<String> {
        self.said().into_iter().filter(|said| said.chat == chat).map(|said| said.text).collect()
    }

    pub fn asked(&self) -> Vec<String> {
        self.facts().asked.clone()
    }

    pub fn stick(&self, question: &str) {
        self.facts().stuck.insert(question.to_owned());
    }

    pub fn unstick(&self, question: &str) {
        self.facts().stuck.remove(question);
    }

    pub fn mute(&self, is_mute: bool) {
        self.facts().is_mute = is_mute;
    }

    /// Sets whether Telegram accepts messages and delays its responses.
    pub fn silence(&self, is_silent: bool) {
        self.facts().is_silent = is_silent;
    }

    pub fn fail_sending(&self, times: usize) {
        self.facts().failing = times;
    }

    /// Rejects the next messages to a chat, one with each of these responses.
    pub fn refuse(&self, chat: i64, refusals: impl IntoIterator<Item = Value>) {
        self.facts().refusals.entry(chat).or_default().extend(refusals);
    }

    /// When `sendMessage` was called for a chat.
    pub fn tries(&self, chat: i64) -> Vec<Instant> {
        self.facts().tries.iter().filter(|(_, tried)| *tried == chat).map(|(at, _)| *at).collect()
    }

    pub fn refuse_polls(&self, refusals: impl IntoIterator<Item = Value>) {
        self.facts().poll_refusals.extend(refusals);
    }

    /// Ignores confirmations of updates from now on.
    pub fn forget_confirmations(&self) {
        self.facts().is_forgetful = true;
    }

    pub fn revoke(&self, token: &str) {
        self.facts().revoked.insert(token.to_owned());
    }

    pub fn offer(&self, token: &str, update: Value) {
        self.facts().waiting.entry(token.to_owned()).or_default().push((update, false));
    }

    pub fn polls(&self) -> Vec<(String, Option<i64>)> {
        self.facts().polls.clone()
    }

    pub fn menus(&self) -> usize {
        self.facts().menus
    }
}

/// Waits until a condition holds, and fails the test after 20 s.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("timed out waiting for: {what}");
}

fn ok(result: impl Into<Value>) -> Response {
    axum::Json(json!({"ok": true, "result": result.into()})).into_response()
}

fn error(status: u16) -> Response {
    refused(json!({"ok": false, "error_code": status, "description": "no"}))
}

fn refused(body: Value) -> Response {
    let status = u16::try_from(body["error_code"].as_u64().unwrap()).unwrap();
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

/// Telegram's rejection with a flood wait.
pub fn flood(retry_after: u64) -> Value {
    json!({"ok": false, "error_code": 429, "description": "Too Many Requests: retry later",
        "parameters": {"retry_after": retry_after}})
}

/// Telegram's rejection with another status.
pub fn refusal(status: u16, description: &str) -> Value {
    json!({"ok": false, "error_code": status, "description": description})
}

async fn telegram(
    State(world): State<World>,
    Path((bot, method)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let token = bot.strip_prefix("bot").unwrap().to_owned();
    let body: Value = serde_json::from_slice(&body).unwrap();
    if world.facts().revoked.contains(&token) {
        return error(401);
    }
    match method.as_str() {
        "sendMessage" => send_message(&world, token, &body).await,
        "getUpdates" => get_updates(&world, token, &body).await,
        "setMyCommands" => {
            world.facts().menus += 1;
            ok(true)
        }
        "sendChatAction" => ok(true),
        _ => error(404),
    }
}

async fn send_message(world: &World, token: String, body: &Value) -> Response {
    if world.facts().is_mute {
        std::future::pending::<()>().await;
    }
    let chat = body["chat_id"].as_i64().unwrap();
    {
        let mut facts = world.facts();
        facts.tries.push((Instant::now(), chat));
        if let Some(body) = facts.refusals.get_mut(&chat).and_then(VecDeque::pop_front) {
            return refused(body);
        }
        if facts.failing > 0 {
            facts.failing -= 1;
            return error(500);
        }
        let text = body["text"].as_str().unwrap().to_owned();
        facts.said.push(Said { token, chat, text });
    }
    while world.facts().is_silent {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    ok(json!({"message_id": 1}))
}

async fn get_updates(world: &World, token: String, body: &Value) -> Response {
    let offset = body["offset"].as_i64();
    {
        let mut facts = world.facts();
        if let Some(body) = facts.poll_refusals.pop_front() {
            facts.polls.push((token, offset));
            return refused(body);
        }
        let earlier =
            facts.polls.iter().rev().find(|(polled, _)| *polled == token).map(|(_, offset)| *offset);
        facts.polls.push((token.clone(), offset));
        let is_forgetful = facts.is_forgetful;
        // A repeated offset confirms nothing, because updates below it were delivered after it was first sent.
        if earlier != Some(offset) && !is_forgetful {
            let waiting = facts.waiting.entry(token.clone()).or_default();
            waiting.retain(|(update, delivered)| !delivered || update["update_id"].as_i64() >= offset);
        }
    }
    // Telegram waits for updates as well, but longer than a test can.
    for _ in 0..200 {
        {
            let mut facts = world.facts();
            let waiting = facts.waiting.entry(token.clone()).or_default();
            if !waiting.is_empty() {
                let batch: Vec<_> = waiting
                    .iter_mut()
                    .take(100)
                    .map(|(update, delivered)| {
                        *delivered = true;
                        update.clone()
                    })
                    .collect();
                return ok(batch);
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    ok(json!([]))
}

async fn model(State(world): State<World>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let messages = body["messages"].as_array().unwrap();
    let question = messages.last().unwrap()["content"].as_str().unwrap().to_owned();
    // The answer contains the number of earlier questions, so that tests see how much of the conversation was sent.
    let earlier = messages.iter().filter(|message| message["role"] == "user").count() - 1;
    world.facts().asked.push(question.clone());
    while world.facts().stuck.contains(&question) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let text = format!("{question} after {earlier}");
    axum::Json(
        json!({"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}),
    )
    .into_response()
}
