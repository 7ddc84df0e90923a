//! Where conversations are stored, and their rows.

use reef_assistant::{Conversation, FACTS_MAX, Fact, MemoryError};
use reef_domain::ErrorChain;
use reef_domain::ids::AssistantId;
use reef_protocols::model::{Role, Turn};
use reef_store::{ConversationKey, MessageRow, Store, StoreError, Tx};

/// Returns the id under which the conversation of a chat is stored: that of the supergroup, if the group became one.
pub(super) async fn current_chat_id(
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

/// Returns the key under which a conversation is stored.
pub(super) async fn conversation_key(
    tx: &mut Tx,
    assistant: AssistantId,
    conversation: Conversation,
) -> Result<ConversationKey, StoreError> {
    let chat = current_chat_id(tx, assistant, conversation.chat_id).await?;
    Ok(ConversationKey { chat, thread: conversation.thread_id })
}

/// Lists the newest turns of a conversation, at most `limit`, oldest first.
pub(super) async fn list_recent_turns(
    store: &Store,
    assistant: AssistantId,
    conversation: Conversation,
    limit: usize,
) -> Result<Vec<Turn>, MemoryError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = async {
        let mut tx = store.read().await?;
        let key = conversation_key(&mut tx, assistant, conversation).await?;
        tx.list_recent_messages(assistant, key, limit).await
    };
    read.await.map_err(|error| storage_error(&error))?.into_iter().map(row_to_turn).collect()
}

/// Lists the facts of a conversation, oldest first.
pub(super) async fn list_facts(
    store: &Store,
    assistant: AssistantId,
    conversation: Conversation,
) -> Result<Vec<Fact>, MemoryError> {
    let limit = i64::try_from(FACTS_MAX).unwrap_or(i64::MAX);
    let read = async {
        let mut tx = store.read().await?;
        let key = conversation_key(&mut tx, assistant, conversation).await?;
        tx.list_conversation_facts(assistant, key, limit).await
    };
    let rows = read.await.map_err(|error| storage_error(&error))?;
    Ok(rows.into_iter().map(|row| Fact { id: row.id.to_string(), text: row.text }).collect())
}

const USER: &str = "user";
const ASSISTANT: &str = "assistant";

pub(super) fn turn_to_row(turn: &Turn) -> MessageRow {
    let role = match turn.role {
        Role::User => USER,
        Role::Assistant => ASSISTANT,
    };
    // PostgreSQL cannot store NUL in a text.
    MessageRow { role: role.to_owned(), content: turn.text.replace('\0', "") }
}

pub(super) fn row_to_turn(row: MessageRow) -> Result<Turn, MemoryError> {
    let role = match row.role.as_str() {
        USER => Role::User,
        ASSISTANT => Role::Assistant,
        _ => return Err(malformed_row()),
    };
    Ok(Turn { role, text: row.content })
}

/// Logs a database error with its sources and converts it. [`MemoryError`] cannot carry a source.
pub(super) fn storage_error(error: &StoreError) -> MemoryError {
    tracing::error!(error = %ErrorChain(error), "conversation could not be read or written");
    MemoryError(error.to_string())
}

pub(super) fn malformed_row() -> MemoryError {
    MemoryError("a stored row could not be parsed".to_owned())
}
