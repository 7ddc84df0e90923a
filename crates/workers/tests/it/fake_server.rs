//! A server on loopback that acts as Telegram and as a model in OpenAI's format.

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A message that a bot has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMessage {
    pub token: String,
    pub chat: i64,
    pub text: String,
}

#[derive(Default)]
struct ServerState {
    sent: Vec<SentMessage>,
    /// The last question of each request to the model.
    questions: Vec<String>,
    /// The instructions of each request to the model.
    instructions: Vec<String>,
    /// How many summaries the model has written.
    summaries: usize,
    /// Questions that the model leaves unanswered until they are removed.
    stuck: HashSet<String>,
    /// Whether `sendMessage` neither accepts a message nor responds.
    is_mute: bool,
    /// Whether `sendMessage` accepts a message and delays its response.
    is_silent: bool,
    /// How many of the next `sendMessage` calls fail with status 500.
    failing: usize,
    /// The rejections of the next `sendMessage` calls by chat.
    rejections: HashMap<i64, VecDeque<Value>>,
    /// When `sendMessage` was called for a chat, accepted or not.
    attempts: Vec<(Instant, i64)>,
    revoked: HashSet<String>,
    /// The updates for `getUpdates` by token, each with whether it has been delivered.
    updates: HashMap<String, Vec<(Value, bool)>>,
    /// The rejections of the next `getUpdates` calls.
    poll_rejections: VecDeque<Value>,
    /// Whether `getUpdates` ignores confirmations.
    ignores_confirmations: bool,
    /// The token and offset of every `getUpdates` call.
    polls: Vec<(String, Option<i64>)>,
    menus: usize,
    /// What messages were edited to say.
    edits: Vec<SentMessage>,
}

#[derive(Clone)]
pub struct FakeServer {
    pub url: String,
    state: Arc<Mutex<ServerState>>,
}

impl FakeServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = Self { url, state: Arc::default() };
        let app = Router::new()
            .route("/telegram/{bot}/{method}", post(telegram))
            .route("/openai/v1/chat/completions", post(model))
            .with_state(world.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        world
    }

    fn state(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().unwrap()
    }

    /// The messages that bots have sent, oldest first.
    pub fn sent(&self) -> Vec<SentMessage> {
        self.state().sent.clone()
    }

    /// The texts that bots have sent to a chat, oldest first.
    pub fn texts(&self, chat: i64) -> Vec<String> {
        self.sent().into_iter().filter(|message| message.chat == chat).map(|message| message.text).collect()
    }

    /// What `editMessageText` has written, oldest first.
    pub fn edits(&self) -> Vec<SentMessage> {
        self.state().edits.clone()
    }

    pub fn questions(&self) -> Vec<String> {
        self.state().questions.clone()
    }

    pub fn instructions(&self) -> Vec<String> {
        self.state().instructions.clone()
    }

    pub fn summaries(&self) -> usize {
        self.state().summaries
    }

    pub fn hold_answer(&self, question: &str) {
        self.state().stuck.insert(question.to_owned());
    }

    pub fn release_answer(&self, question: &str) {
        self.state().stuck.remove(question);
    }

    pub fn block_sending(&self, is_mute: bool) {
        self.state().is_mute = is_mute;
    }

    /// Sets whether Telegram accepts messages and delays its responses.
    pub fn delay_responses(&self, is_silent: bool) {
        self.state().is_silent = is_silent;
    }

    pub fn fail_sending(&self, times: usize) {
        self.state().failing = times;
    }

    /// Rejects the next messages to a chat, one with each of these responses.
    pub fn reject_messages(&self, chat: i64, refusals: impl IntoIterator<Item = Value>) {
        self.state().rejections.entry(chat).or_default().extend(refusals);
    }

    /// When `sendMessage` was called for a chat.
    pub fn attempts(&self, chat: i64) -> Vec<Instant> {
        self.state().attempts.iter().filter(|(_, attempted)| *attempted == chat).map(|(at, _)| *at).collect()
    }

    pub fn reject_polls(&self, refusals: impl IntoIterator<Item = Value>) {
        self.state().poll_rejections.extend(refusals);
    }

    /// Ignores confirmations of updates from now on.
    pub fn ignore_confirmations(&self) {
        self.state().ignores_confirmations = true;
    }

    pub fn revoke(&self, token: &str) {
        self.state().revoked.insert(token.to_owned());
    }

    pub fn add_update(&self, token: &str, update: Value) {
        self.state().updates.entry(token.to_owned()).or_default().push((update, false));
    }

    pub fn polls(&self) -> Vec<(String, Option<i64>)> {
        self.state().polls.clone()
    }

    pub fn menus(&self) -> usize {
        self.state().menus
    }
}

/// Waits until a condition holds, and fails the test after 20 s.
pub async fn wait_until(what: &str, holds: impl Fn() -> bool) {
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
    rejected_response(json!({"ok": false, "error_code": status, "description": "no"}))
}

fn rejected_response(body: Value) -> Response {
    let status = u16::try_from(body["error_code"].as_u64().unwrap()).unwrap();
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

/// Telegram's rejection with a flood wait.
pub fn flood(retry_after: u64) -> Value {
    json!({"ok": false, "error_code": 429, "description": "Too Many Requests: retry later",
        "parameters": {"retry_after": retry_after}})
}

/// Telegram's rejection with another status.
pub fn rejection(status: u16, description: &str) -> Value {
    json!({"ok": false, "error_code": status, "description": description})
}

async fn telegram(
    State(world): State<FakeServer>,
    Path((bot, method)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let token = bot.strip_prefix("bot").unwrap().to_owned();
    let body: Value = serde_json::from_slice(&body).unwrap();
    if world.state().revoked.contains(&token) {
        return error(401);
    }
    match method.as_str() {
        "sendMessage" => send_message(&world, token, &body).await,
        "getUpdates" => get_updates(&world, token, &body).await,
        "setMyCommands" => {
            world.state().menus += 1;
            ok(true)
        }
        "sendChatAction" => ok(true),
        "editMessageText" => {
            let text = body["text"].as_str().unwrap().to_owned();
            let chat = body["chat_id"].as_i64().unwrap();
            world.state().edits.push(SentMessage { token, chat, text });
            ok(json!({"message_id": body["message_id"]}))
        }
        _ => error(404),
    }
}

async fn send_message(world: &FakeServer, token: String, body: &Value) -> Response {
    if world.state().is_mute {
        std::future::pending::<()>().await;
    }
    let chat = body["chat_id"].as_i64().unwrap();
    {
        let mut facts = world.state();
        facts.attempts.push((Instant::now(), chat));
        if let Some(body) = facts.rejections.get_mut(&chat).and_then(VecDeque::pop_front) {
            return rejected_response(body);
        }
        if facts.failing > 0 {
            facts.failing -= 1;
            return error(500);
        }
        let text = body["text"].as_str().unwrap().to_owned();
        facts.sent.push(SentMessage { token, chat, text });
    }
    while world.state().is_silent {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    ok(json!({"message_id": 1}))
}

async fn get_updates(world: &FakeServer, token: String, body: &Value) -> Response {
    let offset = body["offset"].as_i64();
    {
        let mut facts = world.state();
        if let Some(body) = facts.poll_rejections.pop_front() {
            facts.polls.push((token, offset));
            return rejected_response(body);
        }
        let earlier =
            facts.polls.iter().rev().find(|(polled, _)| *polled == token).map(|(_, offset)| *offset);
        facts.polls.push((token.clone(), offset));
        let is_forgetful = facts.ignores_confirmations;
        // A repeated offset confirms nothing, because updates below it were delivered after it was first sent.
        if earlier != Some(offset) && !is_forgetful {
            let waiting = facts.updates.entry(token.clone()).or_default();
            waiting.retain(|(update, delivered)| !delivered || update["update_id"].as_i64() >= offset);
        }
    }
    // Telegram waits for updates as well, but longer than a test can.
    for _ in 0..200 {
        {
            let mut facts = world.state();
            let waiting = facts.updates.entry(token.clone()).or_default();
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

async fn model(State(world): State<FakeServer>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let messages = body["messages"].as_array().unwrap();
    let question = messages.last().unwrap()["content"].as_str().unwrap().to_owned();
    let instructions = messages[0]["content"].as_str().unwrap();
    if instructions.starts_with("You keep notes about a chat") {
        world.state().summaries += 1;
        let kept: Vec<_> = question.lines().filter(|line| line.contains("my cat")).collect();
        let text = format!("Notes. {}", kept.join(" "));
        return axum::Json(json!({"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}))
            .into_response();
    }
    world.state().instructions.push(instructions.to_owned());
    // The answer contains the number of earlier questions, so that tests see how much of the conversation was sent.
    let earlier = messages.iter().filter(|message| message["role"] == "user").count() - 1;
    world.state().questions.push(question.clone());
    if body["stream"] == true && question.contains("stream") {
        return streamed(world, question);
    }
    while world.state().stuck.contains(&question) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let text = format!("{question} after {earlier}");
    axum::Json(
        json!({"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}),
    )
    .into_response()
}

/// Streams an answer: its first word at once, and the rest when the question is released.
fn streamed(world: FakeServer, question: String) -> Response {
    let event = |text: &str| {
        let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": null});
        format!("data: {}\n\n", json!({"choices": [choice]}))
    };
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let rest = format!("{}data: {end}\n\ndata: [DONE]\n\n", event("flowing answer"));
    let pieces = stream::iter([event("A "), rest]).enumerate().then(move |(index, piece)| {
        let (world, question) = (world.clone(), question.clone());
        async move {
            while index == 1 && world.state().stuck.contains(&question) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Ok::<_, Infallible>(piece)
        }
    });
    ([("content-type", "text/event-stream")], Body::from_stream(pieces)).into_response()
}
