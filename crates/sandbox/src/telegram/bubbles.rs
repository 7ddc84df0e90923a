//! The messages of a chat page.

use maud::{Markup, html};
use serde_json::Value;

use super::{bots::Bot, messages::StoredMessage, pages::ChatQuery, rich_text};

/// What the list shows.
pub(super) struct Conversation<'a> {
    pub bot: &'a Bot,
    pub query: &'a ChatQuery,
    pub messages: &'a [StoredMessage],
    pub drafts: &'a [Value],
    pub is_typing: bool,
    /// What the bot has answered to the last button, as a notice.
    pub notice: Option<&'a str>,
}

impl Conversation<'_> {
    /// Renders the messages, and below them what the bot is doing. The page replaces this when it has changed.
    pub fn render(&self) -> Markup {
        let is_empty = self.messages.is_empty() && self.drafts.is_empty();
        html! {
            @if is_empty { p.empty { "No messages yet. Write something below." } }
            ul.chat {
                @for message in self.messages { (self.bubble(message)) }
                @for draft in self.drafts {
                    li.bot.draft aria-label="Draft" {
                        @let text = draft["text"].as_str().unwrap_or_default();
                        @if text.is_empty() { "Thinking…" } @else { (rich_text::render(text, &draft["entities"])) }
                    }
                }
            }
            @if let Some(notice) = self.notice { p.good { (self.bot.first_name()) ": " (notice) } }
            p #typing role="status" hidden[!self.is_typing] { (self.bot.first_name()) " is typing…" }
        }
    }

    fn bubble(&self, message: &StoredMessage) -> Markup {
        if message.is_service() {
            return html! { li.service { (message.service_words(&self.bot.first_name())) } };
        }
        html! {
            li class=(message.sender) {
                @if self.query.chat_id() < 0 && !message.is_from_bot() {
                    small { "Person " (message.user_id(self.query.chat_id())) }
                }
                @if let Some(replied) = self.replied(message) { blockquote { (replied) } }
                (self.file(message))
                (rich_text::render(&message.text, message.entities()))
                @if message.is_edited() { small { "edited" } }
                @if let Some(emoji) = message.reaction() { small aria-label="Reaction" { (emoji) } }
                (self.keyboard(message))
                (self.actions(message))
            }
        }
    }

    /// Returns the beginning of the message that is replied to.
    fn replied(&self, message: &StoredMessage) -> Option<String> {
        let id = message.reply_to()?;
        let replied = self.messages.iter().find(|message| message.message_id == id)?;
        let text: String = replied.text.chars().take(80).collect();
        Some(if text.is_empty() { format!("Message {id}") } else { text })
    }

    fn file(&self, message: &StoredMessage) -> Markup {
        let Some(media) = message.media() else { return html! {} };
        let url = format!("{}/files/{}?chatId={}", here(self.bot), message.message_id, self.query.chat_id());
        let size = media.object["file_size"].as_u64().unwrap_or(0);
        let name = media.object["file_name"].as_str().unwrap_or(media.kind);
        html! {
            @match media.kind {
                "photo" => img src=(url) alt="Photo" loading="lazy";
                "voice" | "audio" => audio src=(url) controls preload="none" {}
                "video" | "video_note" => video src=(url) controls preload="none" {}
                _ => {}
            }
            a.file href=(url) { (name) " (" (file_size(size)) ")" }
        }
    }

    fn keyboard(&self, message: &StoredMessage) -> Markup {
        let rows = message.markup.as_ref().and_then(|markup| markup["inline_keyboard"].as_array());
        html! {
            @for row in rows.into_iter().flatten().filter_map(Value::as_array) {
                div.keys { @for button in row { (self.button(message, button)) } }
            }
        }
    }

    fn button(&self, message: &StoredMessage, button: &Value) -> Markup {
        let label = button["text"].as_str().unwrap_or_default();
        let url = button["url"].as_str().filter(|url| rich_text::is_web_link(url));
        match (button["callback_data"].as_str(), url) {
            (Some(data), _) => html! {
                form method="post" action={ (here(self.bot)) "/callback-queries" } {
                    (self.query.hidden_fields())
                    input type="hidden" name="messageId" value=(message.message_id);
                    input type="hidden" name="data" value=(data);
                    button type="submit" { (label) }
                }
            },
            (None, Some(url)) => html! { a href=(url) rel="noopener noreferrer" target="_blank" { (label) } },
            (None, None) => html! { span { (label) } },
        }
    }

    /// Links that reply to a message or edit it. The embedded page has no space for them.
    fn actions(&self, message: &StoredMessage) -> Markup {
        if self.query.is_inner() {
            return html! {};
        }
        let link = |name: &str| {
            format!("{}{}&{name}={}#text", here(self.bot), self.query.as_query(), message.message_id)
        };
        html! {
            small.actions {
                a href=(link("reply")) { "Reply" }
                @if !message.is_from_bot() { " " a href=(link("edit")) { "Edit" } }
            }
        }
    }
}

/// Returns the path of a bot's page.
pub(super) fn here(bot: &Bot) -> String {
    format!("/sandbox/telegram/bots/{}", bot.id)
}

fn file_size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KB", bytes / 1_024),
        _ => format!("{} MB", bytes / 1_048_576),
    }
}
