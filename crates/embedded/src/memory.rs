//! Implements the assistant's [`Host`] trait over the HTTP client, the clock and the database.

use std::time::Duration;

use reef_assistant::telegram::{Bot, parse_update};
use reef_assistant::{
    AlbumPart, Host, HttpError, HttpRequest, HttpResponse, MEMORY_TURNS_MAX, MemoryChange, MemoryError,
    Reply, Role, Turn,
};
use reef_domain::Chain;
use reef_domain::ids::AssistantId;
use reef_store::{AlbumRow, StoreError, TurnRow, Tx, UpdateRow};

use crate::embedded::Embedded;
use crate::parts::PartGate;

/// The host of one turn. Its writes fail once another process holds the lease of the update, so that a process which
/// has lost the lease without noticing changes nothing.
pub(crate) struct TurnHost<'a> {
    pub embedded: &'a Embedded,
    pub row: &'a UpdateRow,
    pub parts: &'a PartGate,
}

impl Host for TurnHost<'_> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let transport = &self.embedded.inner.transport;
        if !Bot::is_message(&request) {
            return transport.send(request).await;
        }
        self.parts.begin().await;
        let sent = transport.send(request).await;
        if !sent.as_ref().is_ok_and(|response| response.status == 200) {
            self.parts.end();
        }
        sent
    }

    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }

    fn now_unix_ms(&self) -> i64 {
        self.embedded.inner.clock.now().unix_ms()
    }

    async fn recent_turns(&self, chat_id: i64, limit: usize) -> Result<Vec<Turn>, MemoryError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = async {
            let mut tx = self.embedded.inner.store.read().await?;
            let chat_id = current_chat(&mut tx, self.row.assistant_id, chat_id).await?;
            tx.recent_turns(self.row.assistant_id, chat_id, limit).await
        };
        read.await.map_err(|error| failed(&error))?.into_iter().map(turn_of).collect()
    }

    async fn saved_reply(&self, _update_id: i64) -> Result<Option<Reply>, MemoryError> {
        // The row was read when it was claimed, and nothing else writes to it under the lease.
        let Some(answer) = &self.row.answer else { return Ok(None) };
        let reply: Reply = serde_json::from_str(answer).map_err(|_| not_understood())?;
        let sent = usize::try_from(self.row.sent_parts).map_err(|_| not_understood())?;
        Ok(Some(Reply { sent, ..reply }))
    }

    async fn save_reply(
        &self,
        _update_id: i64,
        reply: &Reply,
        change: &MemoryChange,
    ) -> Result<(), MemoryError> {
        let answer = serde_json::to_string(reply).map_err(|_| not_understood())?;
        let is_saved = self.save(&answer, change).await.map_err(|error| failed(&error))?;
        if is_saved { Ok(()) } else { Err(lost()) }
    }

    async fn replace_reply(&self, _update_id: i64, reply: &Reply) -> Result<(), MemoryError> {
        let answer = serde_json::to_string(reply).map_err(|_| not_understood())?;
        let replaced = async {
            let mut tx = self.embedded.inner.store.begin().await?;
            let is_replaced = tx.replace_answer(self.row.id, self.embedded.inner.token, &answer).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(is_replaced)
        };
        if replaced.await.map_err(|error| failed(&error))? { Ok(()) } else { Err(lost()) }
    }

    async fn migrate_chat(&self, from_chat_id: i64, to_chat_id: i64) -> Result<(), MemoryError> {
        let migrated = async {
            let mut tx = self.embedded.inner.store.begin().await?;
            tx.migrate_chat(self.row.assistant_id, from_chat_id, to_chat_id).await?;
            tx.commit().await
        };
        migrated.await.map_err(|error| failed(&error))
    }

    async fn album_parts(&self, chat_id: i64, media_group_id: &str) -> Result<Vec<AlbumPart>, MemoryError> {
        let read = async {
            let mut tx = self.embedded.inner.store.read().await?;
            let chat_id = current_chat(&mut tx, self.row.assistant_id, chat_id).await?;
            tx.album_parts(self.row.assistant_id, chat_id, media_group_id).await
        };
        let rows = read.await.map_err(|error| failed(&error))?;
        Ok(rows.iter().map(album_part).collect())
    }

    async fn mark_sent(&self, _update_id: i64, part_index: usize) -> Result<(), MemoryError> {
        let sent = i64::try_from(part_index + 1).map_err(|_| not_understood())?;
        let noted = async {
            let mut tx = self.embedded.inner.store.begin().await?;
            let is_noted = tx.set_sent_parts(self.row.id, self.embedded.inner.token, sent).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(is_noted)
        };
        let noted = noted.await;
        self.parts.end();
        if noted.map_err(|error| failed(&error))? { Ok(()) } else { Err(lost()) }
    }
}

impl TurnHost<'_> {
    /// Saves the reply and its change to the conversation in one transaction. Returns `false` if the lease is lost.
    async fn save(&self, answer: &str, change: &MemoryChange) -> Result<bool, StoreError> {
        let inner = &self.embedded.inner;
        let mut tx = inner.store.begin().await?;
        if !tx.save_answer(self.row.id, inner.token, answer).await? {
            return Ok(false);
        }
        self.apply(&mut tx, change).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn apply(&self, tx: &mut Tx, change: &MemoryChange) -> Result<(), StoreError> {
        let assistant = self.row.assistant_id;
        match change {
            MemoryChange::Keep => Ok(()),
            MemoryChange::Forget { chat_id } => {
                let chat_id = current_chat(tx, assistant, *chat_id).await?;
                tx.forget_chat(assistant, chat_id).await
            }
            MemoryChange::Append { chat_id, turns } => {
                let now = self.embedded.inner.clock.now();
                let chat_id = current_chat(tx, assistant, *chat_id).await?;
                for turn in turns {
                    tx.append_turn(assistant, chat_id, &row_of(turn), now).await?;
                }
                // Turns beyond the limit are never read again.
                tx.trim_chat(assistant, chat_id, i64::try_from(MEMORY_TURNS_MAX).unwrap_or(i64::MAX)).await
            }
        }
    }
}

/// Returns the id under which the conversation of a chat is stored: that of the supergroup, if the group became one.
pub(crate) async fn current_chat(
    tx: &mut Tx,
    assistant: AssistantId,
    chat_id: i64,
) -> Result<i64, StoreError> {
    // Private chats have positive ids and never migrate.
    if chat_id >= 0 {
        return Ok(chat_id);
    }
    Ok(tx.find_supergroup(assistant, chat_id).await?.unwrap_or(chat_id))
}

fn album_part(row: &AlbumRow) -> AlbumPart {
    let message = parse_update(row.body.as_bytes()).ok().and_then(|update| update.message);
    AlbumPart {
        update_id: row.update_id,
        has_words: message.is_some_and(|message| !message.words().is_empty()),
        is_answered: row.sent_parts > 0,
    }
}

const USER: &str = "user";
const ASSISTANT: &str = "assistant";

fn row_of(turn: &Turn) -> TurnRow {
    let role = match turn.role {
        Role::User => USER,
        Role::Assistant => ASSISTANT,
    };
    // PostgreSQL cannot store NUL in a text.
    TurnRow { role: role.to_owned(), content: turn.text.replace('\0', "") }
}

fn turn_of(row: TurnRow) -> Result<Turn, MemoryError> {
    let role = match row.role.as_str() {
        USER => Role::User,
        ASSISTANT => Role::Assistant,
        _ => return Err(not_understood()),
    };
    Ok(Turn { role, text: row.content })
}

/// Logs a database error with its sources and converts it. [`MemoryError`] cannot carry a source.
fn failed(error: &StoreError) -> MemoryError {
    tracing::error!(error = %Chain(error), "conversation could not be read or written");
    MemoryError(error.to_string())
}

fn not_understood() -> MemoryError {
    MemoryError("a stored row could not be parsed".to_owned())
}

fn lost() -> MemoryError {
    MemoryError("another process holds the lease of this update".to_owned())
}
