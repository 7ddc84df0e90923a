//! What an assistant was asked to remember.

use reef_domain::Assistant;
use reef_domain::ids::{ConversationId, FactId};
use reef_domain::input::Parsed;
use reef_domain::people::Fact;
use reef_domain::wire::Scope;
use reef_store::{ConversationKey, FactRow};

use crate::caller::Caller;
use crate::error::Error;
use crate::idempotency::Outcome;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

/// How many facts are listed.
const LISTED_MAX: i64 = 10_000;

/// How many conversations the page lists, and how many facts of them all.
const CONVERSATIONS_SHOWN: i64 = 100;
const FACTS_SHOWN: i64 = 500;

/// The maximum length of a fact, in characters, and the maximum number of facts of a conversation: what `/remember` accepts
/// (`FACT_CHARS_MAX` and `FACTS_MAX` of the crate `assistant`).
const FACT_CHARS_MAX: usize = 500;
const FACTS_MAX: i64 = 50;

/// A conversation with what it asked to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactConversation {
    /// The chat at Telegram.
    pub chat_id: i64,
    /// The topic; 0 outside topics.
    pub thread_id: i64,
    /// The name of the person, or the title of the group; `None` if neither is known any more.
    pub title: Option<String>,
    /// What to remember, newest first.
    pub facts: Vec<Fact>,
}

fn record(row: FactRow) -> Fact {
    Fact {
        id: row.id.to_string(),
        conversation_id: row.conversation_id.to_string(),
        text: row.text,
        created_at: row.created_at,
    }
}

/// Validates the text of a fact.
fn fact_text(text: &str) -> Result<String, Error> {
    let text = text.replace('\0', "").trim().to_owned();
    if text.is_empty() {
        return Err(Error::invalid_field("text", "required", "Enter what to remember."));
    }
    if text.chars().count() > FACT_CHARS_MAX {
        let message = format!("This must be at most {FACT_CHARS_MAX} characters.");
        return Err(Error::invalid_field("text", "too_long", &message));
    }
    Ok(text)
}

impl Services {
    /// What conversations asked one of the caller's assistants to remember, newest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn list_facts(&self, caller: &Caller, id: &str) -> Result<Vec<Fact>, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        let rows = tx.list_facts(assistant.id, LISTED_MAX).await?;
        Ok(rows.into_iter().map(record).collect())
    }

    /// The newest facts of one of the caller's assistants by conversation, as its page shows them.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn list_facts_by_conversation(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Vec<FactConversation>, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        let rows = tx.list_facts(assistant.id, FACTS_SHOWN).await?;
        let conversations = tx.list_fact_conversations(assistant.id, CONVERSATIONS_SHOWN).await?;
        let conversation = |found: reef_store::FactConversationRow| {
            let own = rows.iter().filter(|row| row.conversation_id == found.conversation_id);
            FactConversation {
                chat_id: found.chat_id,
                thread_id: found.thread_id,
                title: found.title,
                facts: own.cloned().map(record).collect(),
            }
        };
        Ok(conversations.into_iter().map(conversation).collect())
    }

    /// Adds a fact to a conversation of a person or a group that the assistant knows.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], also for an unknown chat, and [`Error::InvalidRequest`] for a text that is empty or
    /// too long, or when the conversation is full.
    pub async fn create_fact(
        &self,
        caller: &Caller,
        id: &str,
        (chat, thread): (i64, i64),
        text: &str,
    ) -> Result<(), Error> {
        let (mut work, assistant) = self.lock_for_facts(caller, id).await?;
        let key = ConversationKey { chat, thread };
        let (tx, bot) = (&mut work.tx, assistant.id);
        let known = tx.list_conversation_facts(bot, key, FACTS_MAX).await?;
        let is_known = !known.is_empty()
            || tx.find_person_by_telegram_user(bot, chat).await?.is_some()
            || tx.find_bot_group(bot, chat).await?.is_some();
        if !is_known {
            return Err(Error::NotFound);
        }
        let text = fact_text(text)?;
        if i64::try_from(known.len()).unwrap_or(i64::MAX) >= FACTS_MAX {
            let message = format!("This conversation has {FACTS_MAX} facts already. Delete one first.");
            return Err(Error::invalid_field("text", "too_many", &message));
        }
        let fact = FactRow {
            id: FactId::new(self.new_uuid()),
            conversation_id: ConversationId::new(self.new_uuid()),
            text,
            created_at: work.now,
        };
        work.tx.insert_fact(bot, key, &fact).await?;
        work.record_change(&assistant);
        work.commit(None).await
    }

    /// Replaces the text of a fact.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], and [`Error::InvalidRequest`] for a text that is empty or too long.
    pub async fn update_fact(&self, caller: &Caller, id: &str, fact: &str, text: &str) -> Result<(), Error> {
        let fact = FactId::parse(fact).ok_or(Error::NotFound)?;
        let (mut work, assistant) = self.lock_for_facts(caller, id).await?;
        let text = fact_text(text)?;
        if !work.tx.update_fact(assistant.id, fact, &text).await? {
            return Err(Error::NotFound);
        }
        work.record_change(&assistant);
        work.commit(None).await
    }

    async fn lock_for_facts(&self, caller: &Caller, id: &str) -> Result<(UnitOfWork<'_>, Assistant), Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        let mut work = self.unit_of_work().await?;
        let assistant = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        Ok((work, assistant))
    }

    /// Deletes a fact.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`].
    pub async fn delete_fact(
        &self,
        caller: &Caller,
        id: &str,
        fact: &str,
        body: Parsed<()>,
    ) -> Result<(), Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        let fact = FactId::parse(fact).ok_or(Error::NotFound)?;
        let mut work = self.unit_of_work().await?;
        let assistant = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        if !work.tx.delete_fact(assistant.id, fact).await? {
            return Err(Error::NotFound);
        }
        body.map_err(Error::InvalidRequest)?;
        work.record_change(&assistant);
        work.commit(Some(&Outcome::Deleted)).await
    }
}
