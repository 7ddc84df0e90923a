//! A conversation without a chat: someone asks, and gets the answer as it is written.

use reef_domain::settings::Settings as Behavior;
use reef_protocols::model::{ModelError, Turn};

use crate::allowance;
use crate::calls::{CallEstimate, CallKind, ModelCall, Permit};
use crate::host::{MaybeSend, MemoryError, ModelHost};
use crate::memory::Conversation;
use crate::settings::Settings;
use crate::texts;
use crate::turn::model_request::{self, Preview, Request};
use crate::turn::prompt::Prompt;

/// What an answer has changed. The host stores both together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Talk {
    /// The answer; `Err` if the model did not give one.
    pub answer: Result<String, ModelError>,
    /// The question and the answer, in this order; empty without an answer.
    pub turns: Vec<Turn>,
    /// The call that was made.
    pub call: ModelCall,
}

/// Why the model was not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TalkError {
    /// The host's storage failed.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The allowance is used up.
    #[error("the allowance is used up")]
    AllowanceReached,
}

/// Asks the model, and passes its answer to `on_text` piece by piece. What was passed on is never taken back: if the model fails
/// after that, it is not asked again. Nothing is stored but what is reserved for the call. Turns of one conversation must not run
/// at the same time.
///
/// # Errors
/// [`TalkError`] if the model was not asked.
pub async fn talk<H: ModelHost>(
    host: &H,
    settings: &Settings,
    behavior: &Behavior,
    conversation: Conversation,
    text: &str,
    on_text: impl FnMut(&str) + MaybeSend,
) -> Result<Talk, TalkError> {
    let question = Turn::user(text.to_owned());
    let Prompt { system, turns } =
        Prompt::new(host, settings, behavior, conversation, question.clone(), false).await?;
    let estimate = CallEstimate::of_answer(settings, &system, &turns, &[]);
    let Permit::Granted { reservation } = allowance::reserve(host, behavior, estimate).await? else {
        return Err(TalkError::AllowanceReached);
    };
    let request = Request { system: &system, turns: &turns, attachments: &[] };
    let answered =
        model_request::request_answer(host, settings, request, Some(Written { on_text, is_shown: false }))
            .await;
    let call = ModelCall::new(settings, CallKind::Answer, reservation, conversation, &answered);
    Ok(match answered {
        Ok(answer) => Talk {
            answer: Ok(texts::answer_text(&answer)),
            turns: vec![question, Turn::assistant(answer.text)],
            call,
        },
        Err(error) => Talk { answer: Err(error), turns: Vec::new(), call },
    })
}

/// Passes an answer on while it is written.
struct Written<F> {
    on_text: F,
    is_shown: bool,
}

impl<F: FnMut(&str) + MaybeSend> Preview for Written<F> {
    fn show(&mut self, text: &str) {
        if !text.is_empty() {
            self.is_shown = true;
            (self.on_text)(text);
        }
    }

    fn restart(&mut self) {}

    fn may_restart(&self) -> bool {
        !self.is_shown
    }
}
