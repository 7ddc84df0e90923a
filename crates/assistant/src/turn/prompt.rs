//! What the model is asked: the system prompt with what is remembered, and the recent turns.

use reef_domain::settings::Settings as Behavior;
use reef_protocols::model::Turn;

use crate::host::{MemoryError, ModelHost};
use crate::memory::{Conversation, MEMORY_TURNS_MAX, recent_window};
use crate::settings::Settings;
use crate::texts;

/// A question with everything that belongs to it.
pub(crate) struct Prompt {
    pub system: String,
    /// The recent turns and the question.
    pub turns: Vec<Turn>,
}

impl Prompt {
    /// Reads what is remembered of a conversation. `in_group` says that several people write in it.
    pub async fn new<H: ModelHost>(
        host: &H,
        settings: &Settings,
        behavior: &Behavior,
        conversation: Conversation,
        question: Turn,
        in_group: bool,
    ) -> Result<Self, MemoryError> {
        let mut turns = recent_window(&host.list_recent_turns(conversation, MEMORY_TURNS_MAX).await?);
        turns.push(question);
        let now = host.now_unix_ms();
        let offset = host.utc_offset_s(&behavior.time_zone, now);
        let mut system = texts::system_prompt(settings, behavior, now, offset, in_group);
        if behavior.tools.memory {
            system.push_str(&texts::facts(&host.list_facts(conversation).await?));
            system.push_str(&texts::summary(host.find_summary(conversation).await?.as_deref()));
        }
        Ok(Self { system, turns })
    }
}
