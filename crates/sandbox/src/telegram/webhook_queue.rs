//! Sends updates to the webhooks of bots, in order for each chat and with retries.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use sqlx::FromRow;
use tokio::sync::Notify;

use super::methods;
use crate::{
    World,
    clock::now_ms,
    delivery_queue::{Delivery, DeliveryQueue, Outcome},
    faults::{self, WebhookFault},
};

/// The wait after the first failure, which doubles up to [`BACKOFF_MS_MAX`]. Telegram itself waits up to a minute or two.
const BACKOFF_MS: i64 = 1_000;
const BACKOFF_MS_MAX: i64 = 10_000;

/// The queue of updates for webhooks. A lane is one chat of a bot.
#[derive(Clone)]
pub(crate) struct Updates(pub World);

#[derive(Clone, Copy, Debug)]
pub(crate) struct UpdateKey {
    bot_id: i64,
    update_id: i64,
}

#[derive(FromRow)]
struct PendingUpdate {
    bot_id: i64,
    chat_id: i64,
    update_id: i64,
    body: String,
    next_at: i64,
    webhook_url: String,
    secret_token: Option<String>,
}

impl DeliveryQueue for Updates {
    type Key = UpdateKey;
    const TIMEOUT: Duration = Duration::from_secs(60);

    async fn list_next(&self) -> Result<Vec<Delivery<UpdateKey>>, sqlx::Error> {
        // SQLite takes the other columns from the row that has the minimum.
        let waiting: Vec<PendingUpdate> = sqlx::query_as(
            "select u.bot_id, u.chat_id, min(u.update_id) as update_id, u.body, u.next_at, b.webhook_url, b.secret_token
             from telegram_updates u join telegram_bots b on b.id = u.bot_id
             where b.webhook_url is not null group by u.bot_id, u.chat_id order by u.next_at limit 512",
        )
        .fetch_all(&self.0.db)
        .await?;
        Ok(waiting.into_iter().map(to_delivery).collect())
    }

    /// Telegram never loses an update, so a lost one counts as failed.
    async fn apply_fault(&self, delivery: &Delivery<UpdateKey>) -> Result<bool, sqlx::Error> {
        match faults::consume_for_webhook(&self.0, &delivery.url).await? {
            None => Ok(false),
            Some(WebhookFault::Delayed(ms)) => {
                tokio::time::sleep(Duration::from_millis(u64::try_from(ms).unwrap_or(0))).await;
                Ok(false)
            }
            Some(WebhookFault::Refused(status)) => {
                let why = format!("Wrong response from the webhook: {status}");
                self.record_failure(delivery.key, &why).await?;
                Ok(true)
            }
            Some(WebhookFault::Lost) => {
                self.record_failure(delivery.key, "Connection timed out").await?;
                Ok(true)
            }
        }
    }

    async fn record(&self, key: UpdateKey, outcome: Outcome) -> Result<(), sqlx::Error> {
        match outcome {
            Outcome::Delivered(_, answer) => {
                sqlx::query("delete from telegram_updates where bot_id = $1 and update_id = $2")
                    .bind(key.bot_id)
                    .bind(key.update_id)
                    .execute(&self.0.db)
                    .await?;
                if let Ok(Value::Object(params)) = serde_json::from_slice(&answer) {
                    methods::run_webhook_reply(&self.0, key.bot_id, params).await;
                }
            }
            Outcome::Failed(_, why) => self.record_failure(key, &why).await?,
        }
        Ok(())
    }

    fn signal(&self) -> &Notify {
        &self.0.telegram_updates
    }

    fn world(&self) -> &World {
        &self.0
    }
}

impl Updates {
    async fn record_failure(&self, key: UpdateKey, why: &str) -> Result<(), sqlx::Error> {
        let now = now_ms();
        let mut tx = self.0.db.begin().await?;
        sqlx::query(
            "update telegram_updates set attempts = attempts + 1, next_at = $3 + min($4, $5 << min(attempts, 16))
             where bot_id = $1 and update_id = $2",
        )
        .bind(key.bot_id)
        .bind(key.update_id)
        .bind(now)
        .bind(BACKOFF_MS_MAX)
        .bind(BACKOFF_MS)
        .execute(&mut *tx)
        .await?;
        sqlx::query("update telegram_bots set last_error_at = $2, last_error = $3 where id = $1")
            .bind(key.bot_id)
            .bind(now)
            .bind(why)
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }
}

fn to_delivery(update: PendingUpdate) -> Delivery<UpdateKey> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(Ok(secret)) = update.secret_token.as_deref().map(HeaderValue::from_str) {
        headers.insert(HeaderName::from_static("x-telegram-bot-api-secret-token"), secret);
    }
    Delivery {
        lane: format!("{}:{}", update.bot_id, update.chat_id),
        key: UpdateKey { bot_id: update.bot_id, update_id: update.update_id },
        due_at: update.next_at,
        url: update.webhook_url,
        headers,
        body: update.body,
    }
}
