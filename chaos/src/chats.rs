//! People who write to the bots while everything else happens, and the answers that they get.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::Customer;

/// The chat in which somebody writes during the run.
const BUSY_CHAT: i64 = 2;
/// The chat in which an active assistant is tried in the end.
const LAST_CHAT: i64 = 1;
/// How long an assistant may take to answer a message.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// Writes a message to a bot; `false` if nobody has asked Telegram for that bot yet.
pub async fn say(customer: &Customer, token: &str, text: &str) -> Result<bool> {
    send(customer, token, BUSY_CHAT, text).await
}

/// What is wrong with the answers to `said` messages: one is missing, or one came twice more often than a process was
/// killed. Between Telegram's answer and the note of it a kill leaves no way around a second one.
pub async fn unanswered_or_doubled(
    customer: &Customer,
    token: &str,
    said: u64,
    kills: u32,
) -> Result<Option<String>> {
    let messages = messages(customer, token, BUSY_CHAT).await?;
    let answers = u64::try_from(messages.iter().filter(|message| message["from"] == "bot").count())?;
    let is_right = (said..=said + u64::from(kills)).contains(&answers);
    Ok((!is_right).then(|| format!("{said} messages got {answers} answers after {kills} kills")))
}

/// Whether an assistant answers a message now.
pub async fn answers(customer: &Customer, token: &str) -> Result<bool> {
    anyhow::ensure!(
        send(customer, token, LAST_CHAT, "are you there?").await?,
        "the sandbox knows no such bot"
    );
    let answered = async {
        while messages(customer, token, LAST_CHAT).await?.last().is_none_or(|last| last["from"] != "bot") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok::<_, anyhow::Error>(())
    };
    match tokio::time::timeout(ANSWER_LIMIT, answered).await {
        Ok(done) => done.map(|()| true),
        Err(_) => Ok(false),
    }
}

async fn send(customer: &Customer, token: &str, chat: i64, text: &str) -> Result<bool> {
    let url = format!("{}{}", customer.sandbox, path(token));
    let sent = customer.http.post(url).json(&json!({"chatId": chat, "text": text})).send().await?;
    if sent.status() == StatusCode::NOT_FOUND {
        return Ok(false);
    }
    anyhow::ensure!(sent.status().is_success(), "the sandbox took no message: {}", sent.status());
    Ok(true)
}

async fn messages(customer: &Customer, token: &str, chat: i64) -> Result<Vec<Value>> {
    let all = customer.sandbox_json(&format!("{}?chatId={chat}", path(token))).await?;
    all["data"].as_array().cloned().context("no messages")
}

fn path(token: &str) -> String {
    format!("/sandbox/telegram/bots/{}/messages", token.split(':').next().unwrap_or_default())
}
