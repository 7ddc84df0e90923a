//! Messages from people to the bots, and the checks of the replies.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::client::Customer;
use crate::clock;
use crate::replies::{self, Kill, Message, Reply};

/// The group chat, which gets many messages.
const GROUP: i64 = -2;
/// Private chats with a single message have ids above this one.
const PRIVATE_CHAT_OFFSET: i64 = 1_000;
/// The chat of the last message to each active assistant.
const FINAL_CHAT: i64 = 1;
/// How long an assistant may take to reply.
const REPLY_LIMIT: Duration = Duration::from_secs(20);

/// Sends a numbered message to a bot: in its group, where replies name their message, or in a new private chat. Returns
/// `None` if the sandbox does not know the bot yet.
pub async fn send_message(
    customer: &Customer,
    token: &str,
    number: u64,
    in_group: bool,
) -> Result<Option<Message>> {
    // The numbers have a fixed length, so that no text contains another.
    let text = format!("question {number:06}");
    let (chat, words) = if in_group {
        (GROUP, format!("@reef_{}_bot {text}", bot_id(token)))
    } else {
        (PRIVATE_CHAT_OFFSET + i64::try_from(number)?, text.clone())
    };
    let message_id = post_message(customer, token, chat, &words).await?;
    Ok(message_id.map(|message_id| Message { chat, message_id, text }))
}

/// Finds the problems among the replies to these messages. Replies may be missing unless `all_answered`.
pub async fn find_problems(
    customer: &Customer,
    token: &str,
    sent: &[Message],
    kills: &[Kill],
    all_answered: bool,
) -> Result<Vec<String>> {
    let mut answers = BTreeMap::new();
    for question in sent {
        if let Entry::Vacant(unread) = answers.entry(question.chat) {
            let messages = list_messages(customer, token, question.chat).await?;
            let of_bot = messages.iter().filter(|message| message["from"] == "bot");
            unread.insert(of_bot.map(parse_reply).collect::<Result<_>>()?);
        }
    }
    Ok(replies::find_problems(sent, &answers, kills, all_answered))
}

/// Whether an assistant repeats a new message, which must work now that there are no more faults.
pub async fn check_reply(customer: &Customer, token: &str, number: u64) -> Result<bool> {
    let text = format!("are you there {number:06}");
    let sent = post_message(customer, token, FINAL_CHAT, &text).await?;
    anyhow::ensure!(sent.is_some(), "the sandbox does not know the bot");
    let is_answer = |message: &Value| {
        message["from"] == "bot" && message["text"].as_str().is_some_and(|words| words.contains(&text))
    };
    let answered = async {
        while !list_messages(customer, token, FINAL_CHAT).await?.iter().any(is_answer) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok::<_, anyhow::Error>(())
    };
    match tokio::time::timeout(REPLY_LIMIT, answered).await {
        Ok(done) => done.map(|()| true),
        Err(_) => Ok(false),
    }
}

fn parse_reply(message: &Value) -> Result<Reply> {
    let text = message["text"].as_str().context("a message has no text")?.to_owned();
    let at = message["at"].as_str().context("a message has no time")?;
    let at = OffsetDateTime::parse(at, &Rfc3339).context("the time of a message could not be parsed")?;
    Ok(Reply { at_ms: clock::to_ms(at), text, reply_to: message["replyToMessageId"].as_i64() })
}

/// Sends a message and returns its id.
async fn post_message(customer: &Customer, token: &str, chat: i64, text: &str) -> Result<Option<i64>> {
    let url = format!("{}{}", customer.sandbox, path(token));
    let sent = customer.http.post(url).json(&json!({"chatId": chat, "text": text})).send().await?;
    if sent.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    anyhow::ensure!(sent.status().is_success(), "the sandbox rejected a message with {}", sent.status());
    let sent: Value = sent.json().await.context("the response of the sandbox is not JSON")?;
    sent["data"]["messageId"].as_i64().context("a message has no id").map(Some)
}

async fn list_messages(customer: &Customer, token: &str, chat: i64) -> Result<Vec<Value>> {
    let all = customer.sandbox_json(&format!("{}?chatId={chat}", path(token))).await?;
    all["data"].as_array().cloned().context("the sandbox returned no list of messages")
}

fn path(token: &str) -> String {
    format!("/sandbox/telegram/bots/{}/messages", bot_id(token))
}

fn bot_id(token: &str) -> &str {
    token.split(':').next().unwrap_or_default()
}
