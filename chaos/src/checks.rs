//! The checks of states, subscriptions, workers, webhooks and replies that must pass at the end of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::chats;
use crate::client::Customer;
use crate::ledger::{KnownAssistant, Ledger, RequestedState};

/// How long Reef may take to respond to a check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs all checks and returns the problems, each with the assistant's id.
pub async fn find_problems(owners: &[Customer], ledger: &Ledger) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let kills = ledger.kills();
    let mut callbacks = 0;
    let assistants = ledger.assistants();
    let subscriptions = list_subscriptions(&owners[0]).await?;
    let mut active = Vec::new();
    for (id, assistant) in &assistants {
        let owner = &owners[assistant.owner];
        let record = find_record(owner, id).await?;
        let status = record.as_ref().map_or("deleted", |record| record["status"].as_str().unwrap_or("?"));
        problems.extend(check_state(assistant, status, record.as_ref()).map(|what| format!("{id}: {what}")));
        problems.extend(check_subscription(id, assistant, record.as_ref(), &subscriptions));
        if let (Some(token), Some(worker)) = (&assistant.token, &assistant.worker) {
            let is_active = status == "active";
            let in_chats = chats::find_problems(owner, token, &assistant.messages, &kills, is_active).await?;
            problems.extend(in_chats.into_iter().map(|what| format!("{id}: {what}")));
            problems.extend(check_worker_and_webhook(owner, id, token, worker, status).await?);
            let checked = check_webhooks(owner, id, record.as_ref()).await?;
            callbacks += checked.count;
            problems.extend(checked.problems);
            if is_active {
                active.push((owner, id, token));
            }
        }
    }
    ledger.set_callbacks(callbacks);
    // This check runs only if the others pass, because it sends a message to every assistant.
    if problems.is_empty() {
        for (owner, id, token) in active {
            if !chats::check_reply(owner, token, ledger.next_message_number()).await? {
                problems.push(format!("{id}: is active, but does not reply"));
            }
        }
    }
    Ok(problems)
}

/// Finds the record of an assistant.
async fn find_record(owner: &Customer, id: &str) -> Result<Option<Value>> {
    let answer = get(owner, &format!("/api/v1/assistants/{id}")).await?;
    match answer {
        (200, body) => Ok(Some(body["data"].clone())),
        (404, _) => Ok(None),
        (status, body) => anyhow::bail!("GET {id} returned {status} {body}"),
    }
}

async fn get(owner: &Customer, path: &str) -> Result<(u16, Value)> {
    let request = owner.http.get(format!("{}{path}", owner.base)).header("X-API-Key", &owner.key);
    let answer = request.timeout(CHECK_TIMEOUT).send().await.with_context(|| format!("GET {path}"))?;
    Ok((answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null)))
}

/// Checks that the status is the one that the owner requested last, or `failed` with a reason.
fn check_state(assistant: &KnownAssistant, status: &str, record: Option<&Value>) -> Option<String> {
    let is_expected = match assistant.requested {
        RequestedState::Bought if assistant.is_paid => status == "purchased",
        RequestedState::Bought => status == "pending_payment",
        // A deployment may have failed before the pause.
        RequestedState::Running if assistant.is_paused => {
            let message = record.and_then(|record| record["statusMessage"].as_str()).unwrap_or_default();
            let is_paused = status == "stopped" && message.starts_with("SUBSCRIPTION_PAUSED: ");
            is_paused || (status == "failed" && !message.is_empty())
        }
        RequestedState::Running => {
            let has_reason = record.is_some_and(|record| record["statusMessage"].is_string());
            status == "active" || (status == "failed" && has_reason)
        }
        RequestedState::Stopped => status == "stopped",
        RequestedState::Deleted => status == "deleted",
    };
    (!is_expected)
        .then(|| format!("its owner requested {:?}, but its status is {status}", assistant.requested))
}

/// Lists all subscriptions by assistant, each with its id and status.
async fn list_subscriptions(anyone: &Customer) -> Result<BTreeMap<String, Vec<(String, String)>>> {
    const LIMIT: usize = 100;
    let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for page in 1.. {
        let path = format!("/sandbox/polar/v1/subscriptions/?limit={LIMIT}&page={page}");
        let answer = anyone.sandbox_json(&path).await?;
        let items = answer["items"].as_array().context("Polar returned no list")?;
        for item in items {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let slot = text(&item["metadata"]["assistant_id"]);
            all.entry(slot).or_default().push((text(&item["id"]), text(&item["status"])));
        }
        if items.len() < LIMIT {
            break;
        }
    }
    Ok(all)
}

/// Checks that a paid assistant has exactly one live subscription and shows its payment status, and that a deleted one has
/// none.
fn check_subscription(
    id: &str,
    assistant: &KnownAssistant,
    record: Option<&Value>,
    subscriptions: &BTreeMap<String, Vec<(String, String)>>,
) -> Vec<String> {
    let none = Vec::new();
    let mine = subscriptions.get(id).unwrap_or(&none);
    let live: Vec<_> = mine.iter().filter(|(_, status)| status != "canceled").collect();
    let mut problems = Vec::new();
    match record {
        None => {
            problems
                .extend(live.iter().map(|(sub, status)| format!("{id}: is deleted, but {sub} is {status}")));
        }
        Some(record) if assistant.is_paid => {
            let recorded_id = record["polarSubscriptionId"].as_str();
            let (expected, payment_status) =
                if assistant.is_paused { ("paused", "paused") } else { ("active", "paid") };
            let has_expected_subscription = matches!(live.as_slice(),
                [(id, status)] if recorded_id == Some(id.as_str()) && status == expected);
            if !has_expected_subscription || record["paymentStatus"] != payment_status {
                problems.push(format!(
                    "{id}: has the subscriptions {live:?}, but its record says {recorded_id:?} {}",
                    record["paymentStatus"]
                ));
            }
        }
        Some(_) => {}
    }
    problems
}

/// Checks that the worker and the bot's webhook exist exactly while the assistant is active.
async fn check_worker_and_webhook(
    owner: &Customer,
    id: &str,
    token: &str,
    worker: &str,
    status: &str,
) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let (answer, _) = get(owner, &format!("/workers/{worker}")).await?;
    let info = owner.sandbox_json(&format!("/sandbox/telegram/bot{token}/getWebhookInfo")).await?;
    let webhook = info["result"]["url"].as_str().unwrap_or_default();
    let expected = format!("{}/workers/{worker}/telegram", owner.base);
    let is_active = status == "active";
    if (answer == 200) != is_active {
        problems.push(format!("{id}: is {status}, but its worker responds with {answer}"));
    }
    // A failed assistant may keep its webhook until the owner redeploys or deletes it.
    if (is_active && webhook != expected) || (!is_active && status != "failed" && !webhook.is_empty()) {
        problems.push(format!("{id}: is {status}, but its bot's webhook is {webhook:?}"));
    }
    Ok(problems)
}

struct CheckedWebhooks {
    count: u64,
    problems: Vec<String>,
}

/// Checks that every webhook from the activation to the last event has arrived, is the same in every attempt, and is signed.
async fn check_webhooks(owner: &Customer, id: &str, record: Option<&Value>) -> Result<CheckedWebhooks> {
    let secret = owner.http.post(format!("{}/sandbox/callbacks/{id}/secret", owner.sandbox));
    secret
        .form(&[("secret", &owner.callback_secret)])
        .send()
        .await
        .context("the signing secret could not be set")?;
    let answer = owner.sandbox_json(&format!("/sandbox/callbacks/{id}?format=json")).await?;
    let received = answer["data"].as_array().context("the sandbox returned no list of webhooks")?;
    let mut problems = Vec::new();
    let mut by_sequence: BTreeMap<i64, (String, Value)> = BTreeMap::new();
    for callback in received {
        let sequence = callback["body"]["data"]["sequence"].as_i64().unwrap_or(-1);
        let webhook_id = callback["headers"]["webhook-id"].as_str().unwrap_or_default().to_owned();
        if callback["signature"] != "valid" {
            problems.push(format!("{id}: the signature of webhook {sequence} is {}", callback["signature"]));
        }
        let one = (webhook_id, callback["body"].clone());
        if by_sequence.get(&sequence).is_some_and(|other| *other != one) {
            problems.push(format!("{id}: webhook {sequence} has two ids or bodies"));
        }
        by_sequence.insert(sequence, one);
    }
    let last = match record {
        Some(_) => {
            let (_, events) = get(owner, &format!("/api/v1/assistants/{id}/events")).await?;
            problems.extend(check_timeline(id, &events["data"]));
            events["data"][0]["sequence"].as_i64().unwrap_or(-1)
        }
        None => by_sequence.last_key_value().map_or(-1, |(sequence, _)| *sequence),
    };
    // The first event is the payment, which happens before the webhook URL is set.
    let expected: BTreeSet<i64> = (2..=last).collect();
    let arrived: BTreeSet<i64> = by_sequence.keys().copied().collect();
    if arrived != expected || expected.is_empty() {
        problems.push(format!("{id}: webhooks {arrived:?} have arrived instead of 2 to {last}"));
    }
    let last_type = by_sequence.last_key_value().map(|(_, (_, body))| body["type"].clone());
    if record.is_none() && last_type != Some(json!("assistant.deleted")) {
        problems.push(format!("{id}: is deleted, but its last webhook is {last_type:?}"));
    }
    Ok(CheckedWebhooks { count: u64::try_from(received.len())?, problems })
}

/// Checks that the latest events, newest first, are numbered without a gap, and that each follows from the previous one.
fn check_timeline(id: &str, events: &Value) -> Vec<String> {
    let events = events.as_array().cloned().unwrap_or_default();
    let broken = events.windows(2).filter(|pair| {
        let follows = pair[0]["sequence"].as_i64() == pair[1]["sequence"].as_i64().map(|number| number + 1);
        !follows || pair[0]["previousStatus"] != pair[1]["status"]
    });
    broken.map(|pair| format!("{id}: {} does not follow from {}", pair[0], pair[1])).collect()
}
