//! Answers questions that come through the API. Their conversations are nobody's chats at Telegram.

use std::time::Duration;

use reef_assistant::{
    CallEstimate, Conversation, Fact, MEMORY_TURNS_MAX, MemoryError, ModelHost, Permit, Settings, Talk, talk,
};
use reef_domain::Timestamp;
use reef_domain::calendar::Calendar;
use reef_domain::ids::{AssistantId, ConversationId};
use reef_domain::settings::Settings as Behavior;
use reef_ports::{ApiAnswer, ApiQuestion, ModelFailure, OnText, TalkError, WorkerHostError, WorkerRef};
use reef_protocols::model::{ModelError, Turn};
use reef_protocols::{HttpError, HttpRequest, HttpResponse};
use reef_store::{ConversationClaim, ConversationKey, StoreError};

use crate::embedded::behavior::read_behavior;
use crate::embedded::conversations::{self, storage_error, turn_to_row};
use crate::embedded::host::Embedded;
use crate::embedded::ledger::Ledger;
use crate::embedded::sealed;
use crate::embedded::turns::refresh_settings;
use crate::embedded::worker_host::host_error;

/// How long a conversation stays claimed if the process dies: longer than an answer takes with all its attempts.
const CLAIM: Duration = Duration::from_secs(300);

/// A conversation that this process has claimed.
struct Claimed {
    id: ConversationId,
    key: ConversationKey,
    until: Timestamp,
}

impl Embedded {
    /// Answers a question and remembers it.
    pub(super) async fn answer_question(
        &self,
        worker: &WorkerRef,
        question: &ApiQuestion,
        on_text: OnText<'_>,
    ) -> Result<ApiAnswer, TalkError> {
        let (settings, behavior) = self.read_worker(worker).await?;
        let claimed = self.claim_conversation(worker.assistant_id, question.conversation_id).await?;
        let host = ApiHost { embedded: self, assistant_id: worker.assistant_id, key: claimed.key };
        let conversation = Conversation { chat_id: claimed.key.chat, thread_id: claimed.key.thread };
        let asked = tokio::time::timeout(
            CLAIM,
            talk(&host, &settings, &behavior, conversation, &question.text, on_text),
        );
        let answered = match asked.await {
            Ok(Ok(talk)) => {
                self.record_talk_health(worker, talk.answer.as_ref().err().copied()).await;
                host.save(&claimed, talk).await
            }
            Ok(Err(reef_assistant::TalkError::AllowanceReached)) => Err(TalkError::AllowanceReached),
            Ok(Err(reef_assistant::TalkError::Memory(error))) => {
                Err(TalkError::Host(WorkerHostError(error.0)))
            }
            Err(_) => Err(TalkError::Model(ModelFailure::Unavailable)),
        };
        if answered.is_err() {
            self.release_conversation(&claimed).await?;
        }
        answered
    }

    /// Reads the settings of a worker and of its assistant.
    async fn read_worker(&self, worker: &WorkerRef) -> Result<(Settings, Behavior), TalkError> {
        let inner = &self.inner;
        let read = async {
            let mut tx = inner.store.read().await?;
            let row = tx.find_worker(&worker.worker_name).await?;
            let assistant = tx.find_assistant(worker.assistant_id).await?;
            Ok::<_, StoreError>((row, assistant, read_behavior(&mut tx, worker.assistant_id).await?))
        };
        let (row, assistant, behavior) = read.await.map_err(|error| host_error(&error))?;
        let row = row.ok_or_else(|| WorkerHostError("the worker does not exist".to_owned()))?;
        let opened = sealed::open(&inner.vault, &inner.config, &row).map_err(|error| host_error(&error))?;
        let mut settings = opened.settings;
        if let Some(assistant) = assistant {
            refresh_settings(assistant, &mut settings);
        }
        Ok((settings, behavior))
    }

    async fn claim_conversation(
        &self,
        assistant: AssistantId,
        id: Option<ConversationId>,
    ) -> Result<Claimed, TalkError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let until = now.plus(CLAIM);
        let claim = async {
            let mut tx = inner.store.begin().await?;
            let (id, claim) = match id {
                Some(id) => (id, tx.claim_api_conversation(assistant, id, now, until).await?),
                None => {
                    let id = ConversationId::new(self.new_uuid());
                    let key = tx.insert_api_conversation(assistant, id, now, until).await?;
                    (id, ConversationClaim::Claimed(key))
                }
            };
            tx.commit().await?;
            Ok::<_, StoreError>((id, claim))
        };
        match claim.await.map_err(|error| host_error(&error))? {
            (id, ConversationClaim::Claimed(key)) => Ok(Claimed { id, key, until }),
            (_, ConversationClaim::Busy) => Err(TalkError::Busy),
            (_, ConversationClaim::Unknown) => Err(TalkError::UnknownConversation),
        }
    }

    /// Releases a conversation without an answer. One that has none at all is no conversation.
    async fn release_conversation(&self, claimed: &Claimed) -> Result<(), TalkError> {
        let release = async {
            let mut tx = self.inner.store.begin().await?;
            tx.release_api_conversation(claimed.id, claimed.until).await?;
            tx.delete_empty_api_conversation(claimed.id).await?;
            tx.commit().await
        };
        Ok(release.await.map_err(|error| host_error(&error))?)
    }
}

/// The host of one question.
struct ApiHost<'a> {
    embedded: &'a Embedded,
    assistant_id: AssistantId,
    key: ConversationKey,
}

impl ApiHost<'_> {
    const fn ledger(&self) -> Ledger<'_> {
        Ledger { embedded: self.embedded, assistant_id: self.assistant_id, is_api: true }
    }

    /// Stores the question, its answer and its cost, and releases the conversation.
    async fn save(&self, claimed: &Claimed, talk: Talk) -> Result<ApiAnswer, TalkError> {
        let inner = &self.embedded.inner;
        let saved = async {
            let prices = self.embedded.prices().await?;
            let mut tx = inner.store.begin().await?;
            let now = inner.clock.now();
            let calls =
                self.ledger().record_calls(&mut tx, std::slice::from_ref(&talk.call), &prices).await?;
            // Another process may have taken the conversation over, if this one was halted for minutes.
            if tx.release_api_conversation(claimed.id, claimed.until).await? {
                for turn in &talk.turns {
                    tx.append_message(self.assistant_id, self.key, &turn_to_row(turn), now).await?;
                }
                let kept = i64::try_from(MEMORY_TURNS_MAX).unwrap_or(i64::MAX);
                tx.trim_conversation(self.assistant_id, self.key, kept).await?;
            }
            tx.commit().await?;
            Ok::<_, StoreError>(calls)
        };
        let calls = saved.await.map_err(|error| host_error(&error))?;
        let text = talk.answer.map_err(|error| {
            tracing::warn!(assistant_id = %self.assistant_id, %error, "model failed, the API request is refused");
            TalkError::Model(failure(error))
        })?;
        let call = calls.first();
        Ok(ApiAnswer {
            conversation_id: claimed.id,
            message_id: self.embedded.new_uuid(),
            text,
            input_tokens: call.map_or(0, |call| call.input_tokens),
            output_tokens: call.map_or(0, |call| call.output_tokens),
            cost: call.and_then(|call| call.cost),
        })
    }
}

const fn failure(error: ModelError) -> ModelFailure {
    match error {
        ModelError::KeyRejected => ModelFailure::KeyRejected,
        ModelError::OutOfCredit => ModelFailure::NoCredit,
        ModelError::RateLimited { .. } | ModelError::LimitReached { .. } => ModelFailure::RateLimited,
        _ => ModelFailure::Unavailable,
    }
}

impl ModelHost for ApiHost<'_> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.embedded.inner.transport.send(request).await
    }

    async fn send_streamed(
        &self,
        request: HttpRequest,
        mut on_bytes: impl FnMut(&[u8]) -> bool + Send,
    ) -> Result<HttpResponse, HttpError> {
        self.embedded.inner.transport.send_streamed(request, Some(&mut on_bytes)).await
    }

    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }

    fn now_unix_ms(&self) -> i64 {
        self.embedded.inner.clock.now().unix_ms()
    }

    fn utc_offset_s(&self, time_zone: &str, unix_ms: i64) -> i32 {
        Calendar::new(time_zone).utc_offset_s(Timestamp::from_unix_ms(unix_ms))
    }

    async fn list_recent_turns(
        &self,
        conversation: Conversation,
        limit: usize,
    ) -> Result<Vec<Turn>, MemoryError> {
        conversations::list_recent_turns(&self.embedded.inner.store, self.assistant_id, conversation, limit)
            .await
    }

    async fn list_facts(&self, conversation: Conversation) -> Result<Vec<Fact>, MemoryError> {
        conversations::list_facts(&self.embedded.inner.store, self.assistant_id, conversation).await
    }

    async fn find_summary(&self, _: Conversation) -> Result<Option<String>, MemoryError> {
        // Conversations of the API have no summary.
        Ok(None)
    }

    async fn reserve_call(
        &self,
        behavior: &Behavior,
        estimate: CallEstimate<'_>,
    ) -> Result<Permit, MemoryError> {
        self.ledger().reserve(behavior, estimate).await.map_err(|error| storage_error(&error))
    }
}
