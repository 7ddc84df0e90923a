//! What must be so in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::chats;
use crate::client::Customer;
use crate::ledger::{Kept, Ledger, Wanted};

/// How long Reef may take to answer a look.
const LOOK_LIMIT: Duration = Duration::from_secs(10);

/// Everything that is wrong now, each with the assistant's id.
pub async fn all(owners: &[Customer], ledger: &Ledger) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let kills = ledger.kills();
    let mut callbacks = 0;
    let assistants = ledger.assistants();
    let subscriptions = subscriptions(&owners[0]).await?;
    let mut talkers = Vec::new();
    for (id, kept) in &assistants {
        let owner = &owners[kept.owner];
        let record = record(owner, id).await?;
        let status = record.as_ref().map_or("deleted", |record| record["status"].as_str().unwrap_or("?"));
        wrong.extend(state(kept, status, record.as_ref()).map(|what| format!("{id}: {what}")));
        wrong.extend(money(id, kept, record.as_ref(), &subscriptions));
        if let (Some(token), Some(worker)) = (&kept.token, &kept.worker) {
            let is_active = status == "active";
            let in_chats = chats::wrong(owner, token, &kept.questions, &kills, is_active).await?;
            wrong.extend(in_chats.into_iter().map(|what| format!("{id}: {what}")));
            wrong.extend(worker_and_webhook(owner, id, token, worker, status).await?);
            let told = callbacks_of(owner, id, record.as_ref()).await?;
            callbacks += told.count;
            wrong.extend(told.wrong);
            if is_active {
                talkers.push((owner, id, token));
            }
        }
    }
    ledger.set_callbacks(callbacks);
    // Only when the rest is right: a message to each, every two seconds, would be a load of its own.
    if wrong.is_empty() {
        for (owner, id, token) in talkers {
            if !chats::answers(owner, token, ledger.next_question()).await? {
                wrong.push(format!("{id}: is active and does not answer"));
            }
        }
    }
    Ok(wrong)
}

/// The record; `None` when there is none.
async fn record(owner: &Customer, id: &str) -> Result<Option<Value>> {
    let answer = look(owner, &format!("/api/v1/assistants/{id}")).await?;
    match answer {
        (200, body) => Ok(Some(body["data"].clone())),
        (404, _) => Ok(None),
        (status, body) => anyhow::bail!("GET {id} was answered {status} {body}"),
    }
}

async fn look(owner: &Customer, path: &str) -> Result<(u16, Value)> {
    let request = owner.http.get(format!("{}{path}", owner.base)).header("X-API-Key", &owner.key);
    let answer = request.timeout(LOOK_LIMIT).send().await.with_context(|| format!("GET {path}"))?;
    Ok((answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null)))
}

/// What the owner asked for last, or failed with a reason.
fn state(kept: &Kept, status: &str, record: Option<&Value>) -> Option<String> {
    let is_right = match kept.wanted {
        Wanted::Bought if kept.is_paid => status == "purchased",
        Wanted::Bought => status == "pending_payment",
        // A deployment may have failed before the pause.
        Wanted::Running if kept.is_paused => {
            let message = record.and_then(|record| record["statusMessage"].as_str()).unwrap_or_default();
            let is_held = status == "stopped" && message.starts_with("SUBSCRIPTION_PAUSED: ");
            is_held || (status == "failed" && !message.is_empty())
        }
        Wanted::Running => {
            let has_reason = record.is_some_and(|record| record["statusMessage"].is_string());
            status == "active" || (status == "failed" && has_reason)
        }
        Wanted::Stopped => status == "stopped",
        Wanted::Deleted => status == "deleted",
    };
    (!is_right).then(|| format!("its owner asked for {:?}, and it is {status}", kept.wanted))
}

/// Every subscription by the slot it is for: `(id, status)`.
async fn subscriptions(anyone: &Customer) -> Result<BTreeMap<String, Vec<(String, String)>>> {
    const LIMIT: usize = 100;
    let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for page in 1.. {
        let path = format!("/sandbox/polar/v1/subscriptions/?limit={LIMIT}&page={page}");
        let answer = anyone.sandbox_json(&path).await?;
        let items = answer["items"].as_array().context("no items")?;
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

/// A paid slot has one live subscription and says how it stands, a deleted one none.
fn money(
    id: &str,
    kept: &Kept,
    record: Option<&Value>,
    subscriptions: &BTreeMap<String, Vec<(String, String)>>,
) -> Vec<String> {
    let none = Vec::new();
    let mine = subscriptions.get(id).unwrap_or(&none);
    let live: Vec<_> = mine.iter().filter(|(_, status)| status != "canceled").collect();
    let mut wrong = Vec::new();
    match record {
        None => {
            wrong.extend(live.iter().map(|(sub, status)| format!("{id}: is deleted, and {sub} is {status}")));
        }
        Some(record) if kept.is_paid => {
            let known = record["polarSubscriptionId"].as_str();
            let (expected, standing) = if kept.is_paused { ("paused", "paused") } else { ("active", "paid") };
            let is_so = matches!(live.as_slice(),
                [(id, status)] if known == Some(id.as_str()) && status == expected);
            if !is_so || record["paymentStatus"] != standing {
                wrong.push(format!(
                    "{id}: is paid with {live:?}, and says {known:?} {}",
                    record["paymentStatus"]
                ));
            }
        }
        Some(_) => {}
    }
    wrong
}

/// The worker and the bot's webhook are there exactly while it is active.
async fn worker_and_webhook(
    owner: &Customer,
    id: &str,
    token: &str,
    worker: &str,
    status: &str,
) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let (answer, _) = look(owner, &format!("/workers/{worker}")).await?;
    let info = owner.sandbox_json(&format!("/sandbox/telegram/bot{token}/getWebhookInfo")).await?;
    let webhook = info["result"]["url"].as_str().unwrap_or_default();
    let expected = format!("{}/workers/{worker}/telegram", owner.base);
    let is_active = status == "active";
    if (answer == 200) != is_active {
        wrong.push(format!("{id}: is {status}, and its worker answers {answer}"));
    }
    // What has failed is its owner's to redeploy or delete; a webhook to nowhere is no harm then.
    if (is_active && webhook != expected) || (!is_active && status != "failed" && !webhook.is_empty()) {
        wrong.push(format!("{id}: is {status}, and its bot's webhook is {webhook:?}"));
    }
    Ok(wrong)
}

struct Told {
    count: u64,
    wrong: Vec<String>,
}

/// Every callback from the activation to the last event is there, says the same each time, and is signed.
async fn callbacks_of(owner: &Customer, id: &str, record: Option<&Value>) -> Result<Told> {
    let secret = owner.http.post(format!("{}/sandbox/callbacks/{id}/secret", owner.sandbox));
    secret.form(&[("secret", &owner.callback_secret)]).send().await.context("telling the secret")?;
    let answer = owner.sandbox_json(&format!("/sandbox/callbacks/{id}?format=json")).await?;
    let got = answer["data"].as_array().context("no callbacks")?;
    let mut wrong = Vec::new();
    let mut by_sequence: BTreeMap<i64, (String, Value)> = BTreeMap::new();
    for callback in got {
        let sequence = callback["body"]["data"]["sequence"].as_i64().unwrap_or(-1);
        let webhook_id = callback["headers"]["webhook-id"].as_str().unwrap_or_default().to_owned();
        if callback["signature"] != "valid" {
            wrong.push(format!("{id}: callback {sequence} is signed {}", callback["signature"]));
        }
        let one = (webhook_id, callback["body"].clone());
        if by_sequence.get(&sequence).is_some_and(|other| *other != one) {
            wrong.push(format!("{id}: callback {sequence} came with two ids or bodies"));
        }
        by_sequence.insert(sequence, one);
    }
    let last = match record {
        Some(_) => {
            let (_, events) = look(owner, &format!("/api/v1/assistants/{id}/events")).await?;
            wrong.extend(timeline(id, &events["data"]));
            events["data"][0]["sequence"].as_i64().unwrap_or(-1)
        }
        None => by_sequence.last_key_value().map_or(-1, |(sequence, _)| *sequence),
    };
    // The first event, the payment, is older than the callback URL.
    let expected: BTreeSet<i64> = (2..=last).collect();
    let there: BTreeSet<i64> = by_sequence.keys().copied().collect();
    if there != expected || expected.is_empty() {
        wrong.push(format!("{id}: callbacks {there:?} instead of 2 to {last}"));
    }
    let last_type = by_sequence.last_key_value().map(|(_, (_, body))| body["type"].clone());
    if record.is_none() && last_type != Some(json!("assistant.deleted")) {
        wrong.push(format!("{id}: is deleted, and its last callback is {last_type:?}"));
    }
    Ok(Told { count: u64::try_from(got.len())?, wrong })
}

/// The newest hundred entries, newest first: numbered without a gap, each following from the one before.
fn timeline(id: &str, events: &Value) -> Vec<String> {
    let events = events.as_array().cloned().unwrap_or_default();
    let broken = events.windows(2).filter(|pair| {
        let follows = pair[0]["sequence"].as_i64() == pair[1]["sequence"].as_i64().map(|number| number + 1);
        !follows || pair[0]["previousStatus"] != pair[1]["status"]
    });
    broken.map(|pair| format!("{id}: {} does not follow from {}", pair[0], pair[1])).collect()
}
