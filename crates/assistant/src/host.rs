//! The traits through which everything outside is reached: [`ModelHost`] for a question to the model, and [`Host`] for a turn of
//! a chat, which also needs durable storage for updates, people and replies.

use std::future::Future;
use std::time::Duration;

use reef_domain::settings::Settings as Behavior;
use reef_protocols::model::{ModelError, Turn};
use reef_protocols::{HttpError, HttpRequest, HttpResponse};

use crate::access::{Admission, Decision, Share, Visit, Visitor};
use crate::calls::{CallEstimate, ModelCall, Permit};
use crate::memory::{AlbumPart, Conversation, Fact, MemoryChange, Reply};
use crate::pace::SendKind;

/// `Send` on native targets, where a multi-threaded runtime moves futures between threads. On WebAssembly every type
/// implements it, because there is one thread and JavaScript values are not `Send`.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSend: Send {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Send + ?Sized> MaybeSend for T {}
/// `Send` on native targets; on WebAssembly every type implements it.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSend {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> MaybeSend for T {}

/// `Sync` on native targets, for the same reason as [`MaybeSend`].
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSync: Sync {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Sync + ?Sized> MaybeSync for T {}
/// `Sync` on native targets; on WebAssembly every type implements it.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSync {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> MaybeSync for T {}

/// What asking the model needs from the environment.
pub trait ModelHost: MaybeSync {
    /// Sends one request and reads the complete response. A response with an error status is `Ok`, too.
    ///
    /// # Errors
    /// [`HttpError`] if there is no complete response within the time and size that the request allows.
    fn send(&self, request: HttpRequest)
    -> impl Future<Output = Result<HttpResponse, HttpError>> + MaybeSend;

    /// As [`Self::send`], and passes the body of a response with status 200 to `on_bytes` piece by piece as it arrives; the
    /// response that is returned then has no body. Stops when `on_bytes` returns `false`.
    ///
    /// # Errors
    /// [`HttpError`] if the response did not arrive completely.
    fn send_streamed(
        &self,
        request: HttpRequest,
        on_bytes: impl FnMut(&[u8]) -> bool + MaybeSend,
    ) -> impl Future<Output = Result<HttpResponse, HttpError>> + MaybeSend;

    /// Waits for at least `wait`.
    fn sleep(&self, wait: Duration) -> impl Future<Output = ()> + MaybeSend;

    /// Returns the current time in milliseconds since 1970-01-01 UTC.
    fn now_unix_ms(&self) -> i64;

    /// Returns the difference of local time from UTC in a time zone at a moment, in seconds; 0 for an unknown zone.
    fn utc_offset_s(&self, time_zone: &str, unix_ms: i64) -> i32;

    /// Lists the newest turns of a conversation, at most `limit`, oldest first.
    ///
    /// # Errors
    /// [`MemoryError`] if the conversation cannot be read.
    fn list_recent_turns(
        &self,
        conversation: Conversation,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Turn>, MemoryError>> + MaybeSend;

    /// Lists the facts of a conversation, oldest first, at most [`crate::FACTS_MAX`].
    ///
    /// # Errors
    /// [`MemoryError`] if the facts cannot be read.
    fn list_facts(
        &self,
        conversation: Conversation,
    ) -> impl Future<Output = Result<Vec<Fact>, MemoryError>> + MaybeSend;

    /// Finds the running summary of a conversation, in the words of [`crate::summarize`].
    ///
    /// # Errors
    /// [`MemoryError`] if the summary cannot be read.
    fn find_summary(
        &self,
        conversation: Conversation,
    ) -> impl Future<Output = Result<Option<String>, MemoryError>> + MaybeSend;

    /// Reserves what a call of the model may cost at most, durably, if the allowance in `behavior` is not used up. What was
    /// reserved for other calls counts as spent.
    ///
    /// # Errors
    /// [`MemoryError`] if the reservation could not be written.
    fn reserve_call(
        &self,
        behavior: &Behavior,
        estimate: CallEstimate<'_>,
    ) -> impl Future<Output = Result<Permit, MemoryError>> + MaybeSend;
}

/// What a turn needs from the environment it runs in.
///
/// A host belongs to one bot. `update_id` and `chat_id` are unique only within that bot, so storage that several
/// assistants share must add the bot's id to its keys.
///
/// The host must not run two turns of one chat at the same time, and it must run a failed turn again later. A turn
/// never waits for Telegram, so that it does not hold a turn slot which other chats need.
pub trait Host: ModelHost {
    /// Records who has written, and decides whether the assistant answers. Without an owner, the first person who writes in
    /// a private chat becomes the owner.
    ///
    /// # Errors
    /// [`MemoryError`] if this could not be read or recorded.
    fn admit(&self, visit: &Visit) -> impl Future<Output = Result<Admission, MemoryError>> + MaybeSend;

    /// Approves or blocks a person, if `owner` is the owner of the assistant.
    ///
    /// # Errors
    /// [`MemoryError`] if the decision could not be recorded.
    fn decide_request(
        &self,
        owner: &Visitor,
        person_id: &str,
        is_approved: bool,
    ) -> impl Future<Output = Result<Decision, MemoryError>> + MaybeSend;

    /// Records that the bot was added to a group by someone, or is not in it anymore if `added_by` is `None`.
    ///
    /// # Errors
    /// [`MemoryError`] if this could not be recorded.
    fn record_membership(
        &self,
        chat_id: i64,
        title: &str,
        added_by: Option<&Visitor>,
    ) -> impl Future<Output = Result<(), MemoryError>> + MaybeSend;

    /// Finds the reply that was saved for an update, including how many of its parts have been sent.
    ///
    /// # Errors
    /// [`MemoryError`] if the reply cannot be read.
    fn find_reply(
        &self,
        update_id: i64,
    ) -> impl Future<Output = Result<Option<Reply>, MemoryError>> + MaybeSend;

    /// Reserves a place for a message to a chat within Telegram's limits for the bot, and returns how long to wait for it. The host
    /// shares one [`crate::SendPace`] between all turns.
    fn reserve_send(&self, chat_id: i64, kind: SendKind) -> Duration;

    /// Records durably which message of the chat shows the answer to an update while it is written, so that a turn that runs
    /// again continues it instead of sending another one.
    ///
    /// # Errors
    /// [`MemoryError`] if this could not be recorded. The turn then deletes the message.
    fn record_preview(
        &self,
        update_id: i64,
        message_id: i64,
    ) -> impl Future<Output = Result<(), MemoryError>> + MaybeSend;

    /// Finds the message that was recorded for an update with [`Self::record_preview`].
    ///
    /// # Errors
    /// [`MemoryError`] if this cannot be read.
    fn find_preview(
        &self,
        update_id: i64,
    ) -> impl Future<Output = Result<Option<i64>, MemoryError>> + MaybeSend;

    /// Saves the reply to an update and the calls of the model that were made for it, ends their reservations, and applies
    /// `change` to the chat's conversation, in one durable transaction. Does nothing if the update already has a reply. The
    /// other updates that the reply answers are finished, too.
    ///
    /// # Errors
    /// [`MemoryError`] if the transaction failed. The turn then sends nothing.
    fn save_reply(
        &self,
        update_id: i64,
        reply: &Reply,
        change: &MemoryChange,
        calls: &[ModelCall],
    ) -> impl Future<Output = Result<(), MemoryError>> + MaybeSend;

    /// Replaces the saved reply to an update durably, after Telegram rejected the rest of it in its current form. The
    /// number of sent parts is kept.
    ///
    /// # Errors
    /// [`MemoryError`] if the reply could not be replaced. The turn then sends nothing more.
    fn update_reply(
        &self,
        update_id: i64,
        reply: &Reply,
    ) -> impl Future<Output = Result<(), MemoryError>> + MaybeSend;

    /// Records durably that a group became a supergroup, and moves the group's conversation there. Does nothing if that
    /// migration is already recorded. Afterwards the group's id refers to the supergroup.
    ///
    /// # Errors
    /// [`MemoryError`] if the migration could not be recorded.
    fn migrate_chat(
        &self,
        from_chat_id: i64,
        to_chat_id: i64,
    ) -> impl Future<Output = Result<(), MemoryError>> + MaybeSend;

    /// Lists the parts of an album that have arrived so far. Telegram sends each part as an update of its own.
    ///
    /// # Errors
    /// [`MemoryError`] if the parts cannot be read.
    fn list_album_parts(
        &self,
        chat_id: i64,
        media_group_id: &str,
    ) -> impl Future<Output = Result<Vec<AlbumPart>, MemoryError>> + MaybeSend;

    /// Learns whether the model has answered, or why not. Only the health of the assistant depends on it, so a host may
    /// ignore it.
    fn observe_model(&self, error: Option<ModelError>) {
        let _ = error;
    }

    /// Records durably that the part of the reply with this index has been sent.
    ///
    /// # Errors
    /// [`MemoryError`] if this could not be recorded. The part may then be sent a second time.
    fn record_part_sent(
        &self,
        update_id: i64,
        part_index: usize,
    ) -> impl Future<Output = Result<(), MemoryError>> + MaybeSend;

    /// Lists the messages of a chat that have arrived and are not answered yet, in the order of their updates, at most a few
    /// dozen. The one that the turn is about may be among them.
    ///
    /// # Errors
    /// [`MemoryError`] if the messages cannot be read.
    fn list_waiting_messages(
        &self,
        chat_id: i64,
    ) -> impl Future<Output = Result<Vec<AlbumPart>, MemoryError>> + MaybeSend;

    /// Counts the turn of an update toward the share that its author has of an assistant which answers everyone: a Telegram
    /// user, or a chat on whose behalf someone writes. Counts an update once. The owner and approved people have no limit.
    ///
    /// # Errors
    /// [`MemoryError`] if the turn could not be counted.
    fn use_share(
        &self,
        update_id: i64,
        author_id: i64,
    ) -> impl Future<Output = Result<Share, MemoryError>> + MaybeSend;
}

/// Durable storage could not be read or written. The text is for logs and contains neither secrets nor messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the assistant's storage failed: {0}")]
pub struct MemoryError(pub String);
