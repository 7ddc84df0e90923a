//! What is requested of a model, whatever the provider.

use super::attachment::Attachment;
use super::budget::TokenBudget;
use super::conversation::{Role, Turn};

/// What is requested of a model.
#[derive(Clone, Copy)]
pub(crate) struct Prompt<'a> {
    pub system: &'a str,
    pub turns: &'a [Turn],
    pub attachments: &'a [Attachment],
    pub budget: TokenBudget,
    pub streams: bool,
}

impl<'a> Prompt<'a> {
    /// The turns with the attachments of each.
    pub fn turns_with_attachments(&self) -> impl Iterator<Item = (&'a Turn, &'a [Attachment])> {
        let (turns, attachments) = (self.turns, self.attachments);
        let last = turns.iter().rposition(|turn| turn.role == Role::User);
        turns
            .iter()
            .enumerate()
            .map(move |(index, turn)| (turn, if Some(index) == last { attachments } else { &[] }))
    }
}
