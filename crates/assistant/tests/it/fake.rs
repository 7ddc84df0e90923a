//! A host in memory. Telegram and the model answer from scripts, the clock is tokio's paused one, and a turn can be
//! killed after any call.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use reef_assistant::{
    Admission, AlbumPart, Conversation, Decision, Fact, Host, MemoryChange, MemoryError, Reply, SendKind,
    SendPace, Settings, TurnError, TurnOutcome, Verdict, Visit, Visitor, run_turn,
};
use reef_domain::settings::Settings as Behavior;
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

pub fn reject(description: &str) -> ScriptedResponse {
    let description = format!("Bad Request: {description}");
    respond(400, json!({"ok": false, "error_code": 400, "description": description}))
}

pub fn fail(error: HttpError) -> ScriptedResponse {
    ScriptedResponse { after: Duration::ZERO, outcome: Err(error) }
}

/// A streamed answer of which each piece takes a little time to arrive.
pub fn streamed(pieces: &[&str]) -> ScriptedResponse {
    let start =
        json!({"type": "message_start", "message": {"usage": {"input_tokens": 1, "output_tokens": 1}}});
    let block =
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
    let delta = |text: &&str| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
    let end =
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}});
    let mut events = vec![start, block];
    events.extend(pieces.iter().map(delta));
    events.extend([json!({"type": "content_block_stop", "index": 0}), end, json!({"type": "message_stop"})]);
    let stream: String = events.iter().map(|event| format!("event: x\ndata: {event}\n\n")).collect();
    answer("").with_body(stream.as_bytes())
}

/// A message that is in a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    pub id: i64,
    pub chat: i64,
    pub text: String,
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

    fn is_success(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|response| response.status == 200)
    }

    pub fn with_body(mut self, body: &[u8]) -> Self {
        self.outcome.as_mut().expect("a response").body = body.to_vec();
        self
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
    /// Who may talk to the assistant; everyone may if it is `None`.
    admission: Option<Admission>,
    visits: Vec<Visit>,
    decisions: Vec<(i64, String, bool)>,
    memberships: Vec<(i64, Option<i64>)>,
    files: HashMap<String, Vec<u8>>,
    facts: HashMap<Conversation, Vec<Fact>>,
    turns: HashMap<Conversation, Vec<Turn>>,
    replies: HashMap<i64, Reply>,
    previews: HashMap<i64, i64>,
    /// What Telegram has accepted and not deleted.
    chat: Vec<ChatMessage>,
    /// The responses to `editMessageText`, followed by what Telegram says of the message.
    edits: VecDeque<ScriptedResponse>,
    last_message_id: i64,
    /// How long each piece of a streamed answer takes.
    piece_delay: Option<Duration>,
    albums: HashMap<String, Vec<AlbumPart>>,
    migrations: Vec<(i64, i64)>,
    memory_fails: bool,
    previews_fail: bool,
    /// How many messages were recorded when the turn was killed.
    recorded_at_kill: Option<usize>,
    host_calls: usize,
    crash_after: Option<usize>,
}

impl State {
    /// Accepts the message of the last call.
    fn accept_message(&mut self) -> ScriptedResponse {
        self.last_message_id += 1;
        let (id, body) = (self.last_message_id, &self.calls.last().expect("this call").body);
        let text = body["text"].as_str().expect("a text").to_owned();
        let chat = body["chat_id"].as_i64().expect("a chat");
        self.chat.push(ChatMessage { id, chat, text });
        respond(200, json!({"ok": true, "result": {"message_id": id}}))
    }

    /// Edits a message as the last call says.
    fn edit_message(&mut self) -> ScriptedResponse {
        let body = &self.calls.last().expect("this call").body;
        let Some(message) = self.chat.iter_mut().find(|message| body["message_id"] == message.id) else {
            return reject("message to edit not found");
        };
        let text = body["text"].as_str().expect("a text");
        if message.text == text {
            return reject("message is not modified");
        }
        text.clone_into(&mut message.text);
        respond(200, json!({"ok": true, "result": {"message_id": message.id}}))
    }

    fn remember_kill(&mut self) {
        let sent: usize = self.replies.values().map(|reply| reply.sent).sum();
        let edited = self.replies.values().filter(|reply| reply.preview.is_some() && reply.sent > 0).count();
        self.recorded_at_kill = Some(self.previews.len() + sent - edited);
    }

    fn is_dead(&self) -> bool {
        self.crash_after.is_some_and(|calls| self.host_calls >= calls)
    }
}

pub struct FakeHost {
    state: Mutex<State>,
    started: Instant,
    crashed: Notify,
    pace: SendPace,
}

impl FakeHost {
    pub fn new() -> Self {
        Self {
            state: Mutex::default(),
            started: Instant::now(),
            crashed: Notify::new(),
            pace: SendPace::default(),
        }
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

    /// Decides every visit from now on.
    pub fn with_admission(self, behavior: Behavior, verdict: Verdict) -> Self {
        self.state().admission = Some(Admission { behavior: Box::new(behavior), verdict });
        self
    }

    /// Adds a file that can be downloaded.
    pub fn with_file(self, file_id: &str, bytes: &[u8]) -> Self {
        self.state().files.insert(file_id.to_owned(), bytes.to_vec());
        self
    }

    /// The visits that were decided on, in order.
    pub fn visits(&self) -> Vec<Visit> {
        self.state().visits.clone()
    }

    /// What was decided by buttons: the user who pressed, the person, and whether they were approved.
    pub fn decisions(&self) -> Vec<(i64, String, bool)> {
        self.state().decisions.clone()
    }

    /// The groups that the bot was added to, with the user who added it.
    pub fn memberships(&self) -> Vec<(i64, Option<i64>)> {
        self.state().memberships.clone()
    }

    /// The recorded migrations, in order.
    pub fn migrations(&self) -> Vec<(i64, i64)> {
        self.state().migrations.clone()
    }

    pub fn with_typing_delay_s(self, seconds: u64) -> Self {
        self.state().typing_delay = Duration::from_secs(seconds);
        self
    }

    pub fn with_failing_previews(self) -> Self {
        self.state().previews_fail = true;
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

    /// The messages of the bot that are in its chats, oldest first.
    pub fn chat(&self) -> Vec<ChatMessage> {
        self.state().chat.clone()
    }

    /// How many messages of the bot are recorded: the preview, and the parts of replies that follow or have none.
    pub fn recorded_messages(&self) -> usize {
        let world = self.state();
        let at_kill = world.recorded_at_kill;
        at_kill.unwrap_or(0)
    }

    pub fn with_edit_responses(self, script: impl IntoIterator<Item = ScriptedResponse>) -> Self {
        self.state().edits.extend(script);
        self
    }

    /// Saves a reply, as a turn that was killed has left it.
    pub fn with_saved_reply(self, update_id: i64, reply: Value) -> Self {
        let reply = serde_json::from_value(reply).expect("a reply");
        self.state().replies.insert(update_id, reply);
        self
    }

    /// Deletes a message as a person would.
    pub fn delete_message(&self, id: i64) {
        self.state().chat.retain(|message| message.id != id);
    }

    pub fn with_piece_delay_ms(self, milliseconds: u64) -> Self {
        self.state().piece_delay = Some(Duration::from_millis(milliseconds));
        self
    }

    /// All calls, oldest first.
    pub fn all_calls(&self) -> Vec<Call> {
        self.state().calls.clone()
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

    /// The other updates that the reply to an update answers.
    pub fn covered_updates(&self, update_id: i64) -> Vec<i64> {
        self.state().replies[&update_id].covers.clone()
    }

    pub fn conversation(&self, chat_id: i64) -> Vec<Turn> {
        self.topic(chat_id, 0)
    }

    pub fn topic(&self, chat_id: i64, thread_id: i64) -> Vec<Turn> {
        self.state().turns.get(&Conversation { chat_id, thread_id }).cloned().unwrap_or_default()
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
            self.state().remember_kill();
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
            let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
            world.calls.push(Call { at: self.started.elapsed(), method: what.to_owned(), body });
            match what {
                "model" => world.model.pop_front().unwrap_or_else(|| answer("ok")),
                "sendMessage" => {
                    let scripted = world.send.pop_front();
                    let is_accepted = scripted.as_ref().is_none_or(ScriptedResponse::is_success);
                    let sent = is_accepted.then(|| world.accept_message());
                    scripted.or(sent).expect("accepted if there is no script")
                }
                "editMessageText" => world.edits.pop_front().unwrap_or_else(|| world.edit_message()),
                "deleteMessage" => {
                    let id = world.calls.last().expect("this call").body["message_id"].clone();
                    world.chat.retain(|message| id != message.id);
                    succeed()
                }
                "getFile" => {
                    let id = world.calls.last().expect("this call").body["file_id"].clone();
                    respond(200, json!({"ok": true, "result": {"file_id": id, "file_path": id}}))
                }
                file if world.files.contains_key(file) => {
                    let body = world.files[file].clone();
                    let response =
                        HttpResponse { status: 200, retry_after_s: None, headers: Vec::new(), body };
                    ScriptedResponse { after: Duration::ZERO, outcome: Ok(response) }
                }
                "sendChatAction" => ScriptedResponse { after: world.typing_delay, ..succeed() },
                _ => succeed(),
            }
        };
        sleep(scripted.after).await;
        self.count_call().await;
        scripted.outcome
    }

    async fn send_streamed(
        &self,
        request: HttpRequest,
        mut on_bytes: impl FnMut(&[u8]) -> bool + Send,
    ) -> Result<HttpResponse, HttpError> {
        let response = self.send(request).await?;
        if response.status != 200 {
            return Ok(response);
        }
        // Events arrive in small pieces, JSON at once.
        let is_json = response.body.starts_with(b"{");
        let delay = self.state().piece_delay;
        let pieces: Vec<&[u8]> = match delay {
            Some(_) => response.body.split_inclusive(|byte| *byte == b'\n').collect(),
            None => response.body.chunks(if is_json { response.body.len() } else { 16 }).collect(),
        };
        for piece in pieces {
            if !on_bytes(piece) {
                break;
            }
            if !is_json {
                sleep(delay.unwrap_or(Duration::from_millis(10))).await;
            }
        }
        Ok(HttpResponse { body: Vec::new(), ..response })
    }

    async fn sleep(&self, wait: Duration) {
        sleep(wait).await;
    }

    fn utc_offset_s(&self, time_zone: &str, _unix_ms: i64) -> i32 {
        if time_zone == "Europe/Berlin" { 3_600 } else { 0 }
    }

    async fn admit(&self, visit: &Visit) -> Result<Admission, MemoryError> {
        self.memory(|world| {
            world.visits.push(visit.clone());
            let everyone = || Admission { behavior: Box::<Behavior>::default(), verdict: Verdict::Allowed };
            world.admission.clone().unwrap_or_else(everyone)
        })
        .await
    }

    async fn decide_request(
        &self,
        owner: &Visitor,
        person_id: &str,
        is_approved: bool,
    ) -> Result<Decision, MemoryError> {
        self.memory(|world| {
            world.decisions.push((owner.telegram_user_id, person_id.to_owned(), is_approved));
            Decision::Made { chat_id: 99, name: "Eve".to_owned(), is_new: true }
        })
        .await
    }

    async fn record_membership(
        &self,
        chat_id: i64,
        _title: &str,
        added_by: Option<&Visitor>,
    ) -> Result<(), MemoryError> {
        self.memory(|world| {
            world.memberships.push((chat_id, added_by.map(|visitor| visitor.telegram_user_id)));
        })
        .await
    }

    fn now_unix_ms(&self) -> i64 {
        STARTED_UNIX_MS + i64::try_from(self.started.elapsed().as_millis()).expect("a short test")
    }

    async fn list_recent_turns(
        &self,
        conversation: Conversation,
        limit: usize,
    ) -> Result<Vec<Turn>, MemoryError> {
        self.memory(|world| {
            let turns = world.turns.entry(conversation).or_default();
            turns[turns.len().saturating_sub(limit)..].to_vec()
        })
        .await
    }

    async fn list_facts(&self, conversation: Conversation) -> Result<Vec<Fact>, MemoryError> {
        self.memory(|world| world.facts.get(&conversation).cloned().unwrap_or_default()).await
    }

    async fn find_reply(&self, update_id: i64) -> Result<Option<Reply>, MemoryError> {
        self.memory(|world| world.replies.get(&update_id).cloned()).await
    }

    fn reserve_send(&self, chat_id: i64, kind: SendKind) -> Duration {
        self.pace.reserve(1, chat_id, kind, self.now_unix_ms())
    }

    async fn record_preview(&self, update_id: i64, message_id: i64) -> Result<(), MemoryError> {
        if self.state().previews_fail {
            return Err(MemoryError("disk full".into()));
        }
        self.memory(|world| {
            world.previews.insert(update_id, message_id);
        })
        .await
    }

    async fn find_preview(&self, update_id: i64) -> Result<Option<i64>, MemoryError> {
        self.memory(|world| world.previews.get(&update_id).copied()).await
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
                MemoryChange::Append { conversation, turns } => {
                    world.turns.entry(*conversation).or_default().extend(turns.iter().cloned());
                }
                MemoryChange::Remember { conversation, text } => {
                    let facts = world.facts.entry(*conversation).or_default();
                    facts.push(Fact { id: format!("f{}", facts.len()), text: text.clone() });
                }
                MemoryChange::ForgetFact { conversation, id } => {
                    world.facts.entry(*conversation).or_default().retain(|fact| fact.id != *id);
                }
                MemoryChange::ForgetPerson { telegram_user_id } => {
                    world.turns.retain(|conversation, _| conversation.chat_id != *telegram_user_id);
                    world.facts.retain(|conversation, _| conversation.chat_id != *telegram_user_id);
                }
                MemoryChange::Forget { conversation } => {
                    world.turns.remove(conversation);
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
            let key = |chat_id| Conversation { chat_id, thread_id: 0 };
            let moved = world.turns.remove(&key(from_chat_id)).unwrap_or_default();
            world.turns.entry(key(to_chat_id)).or_default().splice(..0, moved);
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
