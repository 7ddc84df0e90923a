//! A worker host that keeps its workers in memory, fenced by generation as every host has to be.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use reef_domain::ids::{AssistantId, ConversationId};

use crate::testing::script::{Script, lock};
use reef_ports::{
    ApiAnswer, ApiQuestion, OnText, StartedWorker, TalkError, WorkerHost, WorkerHostError, WorkerRef,
    WorkerSpec,
};

/// Runs workers. Its scripted calls are `start`, `health`, `remove`, `missing` and `forget`.
#[derive(Default)]
pub struct FakeWorkerHost {
    /// The scripted failures of its calls.
    pub script: Script<WorkerHostError>,
    workers: Mutex<HashMap<String, WorkerSpec>>,
    deleted_memories: Mutex<Vec<AssistantId>>,
    is_polling: AtomicBool,
}

impl FakeWorkerHost {
    /// The workers that run, ordered by name.
    #[must_use]
    pub fn running(&self) -> Vec<WorkerRef> {
        let mut running: Vec<_> = lock(&self.workers).values().map(|spec| spec.worker.clone()).collect();
        running.sort_by(|a, b| a.worker_name.cmp(&b.worker_name));
        running
    }

    /// The spec that an assistant's worker was started with.
    #[must_use]
    pub fn spec_of(&self, assistant: AssistantId) -> Option<WorkerSpec> {
        lock(&self.workers).values().find(|spec| spec.worker.assistant_id == assistant).cloned()
    }

    /// Loses a worker, as a rebuilt host does.
    pub fn lose_worker(&self, assistant: AssistantId) {
        lock(&self.workers).retain(|_, spec| spec.worker.assistant_id != assistant);
    }

    /// Sets whether workers fetch updates themselves.
    pub fn set_polling(&self, polls: bool) {
        self.is_polling.store(polls, Ordering::Relaxed);
    }

    /// The assistants whose memory was deleted, oldest first.
    #[must_use]
    pub fn deleted_memories(&self) -> Vec<AssistantId> {
        lock(&self.deleted_memories).clone()
    }

    fn generation(&self, name: &str) -> Option<i64> {
        lock(&self.workers).get(name).map(|spec| spec.worker.generation)
    }
}

#[async_trait]
impl WorkerHost for FakeWorkerHost {
    async fn start(&self, spec: &WorkerSpec) -> Result<StartedWorker, WorkerHostError> {
        let name = &spec.worker.worker_name;
        let start = || {
            if self.generation(name).is_some_and(|there| there > spec.worker.generation) {
                return Err(WorkerHostError("a newer run has a worker".to_owned()));
            }
            lock(&self.workers).insert(name.clone(), spec.clone());
            let worker_url = format!("https://workers.test/{name}");
            Ok(StartedWorker { webhook_url: self.webhook_url(&spec.worker), worker_url })
        };
        self.script.perform("start", start).await
    }

    fn webhook_url(&self, worker: &WorkerRef) -> Option<String> {
        let pushed = !self.is_polling.load(Ordering::Relaxed);
        pushed.then(|| format!("https://workers.test/{}/telegram", worker.worker_name))
    }

    async fn health(&self, worker: &WorkerRef) -> Result<(), WorkerHostError> {
        let health = || match self.generation(&worker.worker_name) {
            Some(there) if there == worker.generation => Ok(()),
            _ => Err(WorkerHostError("this run has no worker".to_owned())),
        };
        self.script.perform("health", health).await
    }

    async fn remove(&self, worker: &WorkerRef) -> Result<(), WorkerHostError> {
        let remove = || {
            if self.generation(&worker.worker_name).is_some_and(|there| there <= worker.generation) {
                lock(&self.workers).remove(&worker.worker_name);
            }
            Ok(())
        };
        self.script.perform("remove", remove).await
    }

    async fn missing(&self, workers: &[WorkerRef]) -> Result<Vec<WorkerRef>, WorkerHostError> {
        let missing = || {
            let exists = |w: &&WorkerRef| self.generation(&w.worker_name) == Some(w.generation);
            Ok(workers.iter().filter(|worker| !exists(worker)).cloned().collect())
        };
        self.script.perform("missing", missing).await
    }

    async fn forget(&self, assistant: AssistantId) -> Result<(), WorkerHostError> {
        let forget = || {
            lock(&self.deleted_memories).push(assistant);
            Ok(())
        };
        self.script.perform("forget", forget).await
    }

    async fn talk(
        &self,
        worker: &WorkerRef,
        question: &ApiQuestion,
        on_text: OnText<'_>,
    ) -> Result<ApiAnswer, TalkError> {
        self.health(worker).await?;
        let text = format!("You said: {}", question.text);
        on_text(&text);
        let conversation_id =
            question.conversation_id.unwrap_or_else(|| ConversationId::new(worker.assistant_id.uuid()));
        let message_id = conversation_id.uuid();
        Ok(ApiAnswer { conversation_id, message_id, text, input_tokens: 1, output_tokens: 1, cost: None })
    }
}
