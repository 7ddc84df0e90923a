//! Webhooks. An event is stored in the transaction of its change, and then sent with a signature, in order and with
//! retries.

use std::time::Duration;

use data_encoding::BASE64_NOPAD;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use serde_json::{Map, Value, json};
use sqlx::{FromRow, SqliteConnection};
use standardwebhooks::Webhook;
use tokio::sync::Notify;

use super::{
    endpoints::{self, ENDPOINTS_MAX},
    objects::{self, Kind, Object},
};
use crate::{
    World,
    clock::{new_id, now_ms, rfc3339},
    delivery_queue::{Delivery, DeliveryQueue, Outcome},
    faults::{self, WebhookFault},
    web::HandlerResult,
};

/// The attempts after which an event has failed.
const ATTEMPTS_MAX: u32 = 10;
/// The wait after the first failure, which doubles with each.
const BACKOFF_MS: i64 = 2_000;
/// Polar waits up to 20 minutes. Here a person may be waiting for Reef to restart.
const BACKOFF_MS_MAX: i64 = 20_000;
/// Finished deliveries that are kept for the page.
const FINISHED_MAX: i64 = 20_000;

/// The events of one change, in the order in which they are sent.
pub(super) struct EventBatch {
    webhook_url: String,
    events: Vec<(String, Value)>,
}

impl EventBatch {
    /// `webhook_url` is the URL of the default endpoint, which [`EventBatch::enqueue`] creates if it is missing.
    pub fn new(webhook_url: &str) -> Self {
        Self { webhook_url: webhook_url.to_owned(), events: Vec::new() }
    }

    /// Adds an event with a copy of `data`.
    pub fn push(&mut self, event: &str, data: &Value) {
        self.events.push((event.to_owned(), data.clone()));
    }

    /// Enqueues the events for the endpoints that subscribe to them. After the commit the caller signals
    /// `world.polar_events`.
    pub async fn enqueue(self, conn: &mut SqliteConnection) -> HandlerResult<()> {
        endpoints::ensure_default(conn, &self.webhook_url).await?;
        let endpoints = objects::list(conn, Kind::Endpoint, &Map::new(), ENDPOINTS_MAX, 0).await?;
        for (event, data) in &self.events {
            let body = json!({"type": event, "timestamp": rfc3339(now_ms()), "data": data}).to_string();
            for endpoint in endpoints.iter().filter(|endpoint| is_subscribed(endpoint, event)) {
                insert_delivery(conn, &endpoint.id, endpoint.text("url"), event, &body).await?;
            }
        }
        Ok(())
    }
}

fn is_subscribed(endpoint: &Object, event: &str) -> bool {
    endpoint.doc["enabled"] == true
        && endpoint.doc["events"].as_array().is_some_and(|events| events.iter().any(|wanted| wanted == event))
}

async fn insert_delivery(
    conn: &mut SqliteConnection,
    endpoint_id: &str,
    url: &str,
    event: &str,
    body: &str,
) -> sqlx::Result<()> {
    let now = now_ms();
    sqlx::query(
        "insert into polar_deliveries (event_id, endpoint_id, url, type, body, state, next_at, created_at)
         values ($1, $2, $3, $4, $5, 'pending', $6, $6)",
    )
    .bind(new_id())
    .bind(endpoint_id)
    .bind(url)
    .bind(event)
    .bind(body)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// After a start, resets the attempts of pending deliveries and schedules them no later than `due_at`.
pub(crate) async fn expedite_deliveries(world: &World, due_at: i64) -> sqlx::Result<()> {
    sqlx::query(
        "update polar_deliveries set attempts = 0, next_at = min(next_at, $1) where state = 'pending'",
    )
    .bind(due_at)
    .execute(&world.db)
    .await?;
    Ok(())
}

/// Prunes old finished deliveries and expired customer sessions.
pub(crate) async fn prune(world: &World) -> sqlx::Result<()> {
    sqlx::query(
        "delete from polar_deliveries
         where state <> 'pending' and seq <= (select max(seq) from polar_deliveries) - $1",
    )
    .bind(FINISHED_MAX)
    .execute(&world.db)
    .await?;
    sqlx::query(
        "delete from polar_objects where kind = 'customer_session' and json_extract(doc, '$.expires_at') <= $1",
    )
    .bind(rfc3339(now_ms()))
    .execute(&world.db)
    .await?;
    Ok(())
}

/// The queue of webhooks. A lane is a URL: an event waits until those before it are delivered or have failed. Polar itself
/// waits at most a minute.
#[derive(Clone)]
pub(crate) struct Webhooks(pub World);

#[derive(FromRow)]
struct PendingDelivery {
    seq: i64,
    event_id: String,
    endpoint_id: Option<String>,
    url: String,
    body: String,
    next_at: i64,
}

impl DeliveryQueue for Webhooks {
    type Key = i64;
    const TIMEOUT: Duration = Duration::from_secs(10);

    async fn list_next(&self) -> Result<Vec<Delivery<i64>>, sqlx::Error> {
        // A delayed event keeps its place before later ones, because the rows are ordered by `seq`.
        sqlx::query("update polar_deliveries set state = 'pending' where state = 'held' and next_at <= $1")
            .bind(now_ms())
            .execute(&self.0.db)
            .await?;
        // SQLite takes the other columns from the row that has the minimum.
        let waiting: Vec<PendingDelivery> = sqlx::query_as(
            "select min(seq) as seq, event_id, endpoint_id, url, body, next_at
             from polar_deliveries where state = 'pending' group by url order by next_at limit 1000",
        )
        .fetch_all(&self.0.db)
        .await?;
        let mut deliveries = Vec::with_capacity(waiting.len());
        for event in waiting {
            let headers = self.headers(&event).await?;
            deliveries.push(Delivery {
                lane: event.url.clone(),
                key: event.seq,
                due_at: event.next_at,
                url: event.url,
                headers,
                body: event.body,
            });
        }
        Ok(deliveries)
    }

    async fn apply_fault(&self, delivery: &Delivery<i64>) -> Result<bool, sqlx::Error> {
        let state = match faults::consume_for_webhook(&self.0, &delivery.url).await? {
            None => return Ok(false),
            Some(WebhookFault::Refused(status)) => {
                self.record(
                    delivery.key,
                    Outcome::Failed(Some(status), "Fault configured in the sandbox".to_owned()),
                )
                .await?;
                return Ok(true);
            }
            Some(WebhookFault::Lost) => ("lost", 0),
            Some(WebhookFault::Delayed(delay_ms)) => ("held", delay_ms),
        };
        sqlx::query("update polar_deliveries set state = $2, next_at = $3 where seq = $1")
            .bind(delivery.key)
            .bind(state.0)
            .bind(now_ms() + state.1)
            .execute(&self.0.db)
            .await?;
        Ok(true)
    }

    async fn record(&self, seq: i64, outcome: Outcome) -> Result<(), sqlx::Error> {
        let (status, error) = match outcome {
            Outcome::Delivered(status, _) => (Some(status), None),
            Outcome::Failed(status, error) => (status, Some(error)),
        };
        sqlx::query(
            "update polar_deliveries set attempts = attempts + 1, last_status = $2, last_error = $3,
               state = case when $3 is null then 'delivered' when attempts + 1 >= $4 then 'failed' else 'pending' end,
               next_at = $5 + min($6, $7 << min(attempts, 16))
             where seq = $1",
        )
        .bind(seq)
        .bind(status)
        .bind(error)
        .bind(ATTEMPTS_MAX)
        .bind(now_ms())
        .bind(BACKOFF_MS_MAX)
        .bind(BACKOFF_MS)
        .execute(&self.0.db)
        .await?;
        endpoints::disable_after_failures(&self.0.db, seq).await
    }

    fn signal(&self) -> &Notify {
        &self.0.polar_events
    }

    fn world(&self) -> &World {
        &self.0
    }
}

impl Webhooks {
    /// Signs an attempt, whose timestamp is the current time.
    async fn headers(&self, event: &PendingDelivery) -> Result<HeaderMap, sqlx::Error> {
        let key = match &event.endpoint_id {
            None => self.0.polar_webhook_secret.clone().into_bytes(),
            Some(id) => {
                let mut conn = self.0.db.acquire().await?;
                match objects::find(&mut conn, Kind::Endpoint, id).await? {
                    // The default endpoint stores no secret, because each start may configure another one.
                    Some(endpoint) if endpoints::is_default(&endpoint) => {
                        self.0.polar_webhook_secret.clone().into_bytes()
                    }
                    found => found.map(|endpoint| signing_key(&endpoint)).unwrap_or_default(),
                }
            }
        };
        let seconds = now_ms() / 1000;
        let signature = Webhook::from_bytes(key)
            .and_then(|key| key.sign(&event.event_id, seconds, event.body.as_bytes()))
            .map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static("polar.sh webhooks"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in [
            ("webhook-id", event.event_id.clone()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signature),
        ] {
            let value =
                HeaderValue::from_str(&value).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(headers)
    }
}

/// Returns the signing key of an endpoint. Polar's original scheme uses the bytes of the secret itself; the standard one
/// decodes it, which must be lenient because Polar's secrets are not valid padded base64.
fn signing_key(endpoint: &Object) -> Vec<u8> {
    let secret = endpoint.text("secret");
    if endpoint.doc["uses_standard_webhook_signature"] != true {
        return secret.as_bytes().to_vec();
    }
    let mut lenient = BASE64_NOPAD.specification();
    lenient.check_trailing_bits = false;
    let encoded = secret.strip_prefix("whsec_").unwrap_or(secret).trim_end_matches('=');
    lenient.encoding().expect("the alphabet is valid").decode(encoded.as_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Polar's own libraries produce these signatures for this event.
    #[test]
    fn both_schemes_match_signatures_of_polar() {
        let body = br#"{"type":"order.paid","timestamp":"2026-01-01T00:00:00Z","data":{"id":"00000000-0000-4000-8000-000000000000"}}"#;
        for (standard, signature) in [
            (false, "v1,jBfrjn6H9N+5ow2pV1/Yb6SjRV7IafgN8QedbtZdC08="),
            (true, "v1,fWLLqWyuh1XB5y916i8n+MdOk5sXILOeBCGpAN155jo="),
        ] {
            let endpoint = Object {
                id: String::new(),
                webhook_url: String::new(),
                doc: json!({"secret": "whsec_ovyN6cPrTv56AApvzCaJno08SSmGJmgbWilb33N2JuK",
                    "uses_standard_webhook_signature": standard}),
            };
            let key = Webhook::from_bytes(signing_key(&endpoint)).unwrap();
            assert_eq!(
                key.sign("6f1d2c3b-0000-4000-8000-000000000001", 1_767_225_600, body).unwrap(),
                signature
            );
        }
    }
}
