//! What pages show, in the form that is hashed into their stamps. A new field of `Details` or `Receipt` does not compile until it is
//! added here.

use reef_domain::health::{HealthCode, HealthLegs, HealthRecord, Verdict};
use reef_domain::steps::StepRecord;
use reef_domain::wire::{ApiMode, AssistantRecord, Status};
use reef_domain::{Timestamp, Usd};
use reef_service::assistants::{Details, End, Receipt, StoredSecret, SubscriptionEnd, TimelineItem};
use reef_service::billing::credit::Credit;
use reef_service::callbacks::{Delivery, DeliveryAttempt, LoggedDelivery};
use serde::Serialize;

/// What an assistant's page shows.
#[derive(Serialize)]
pub(super) struct ShownAssistant<'a> {
    record: &'a AssistantRecord,
    version: i64,
    checkout_url: Option<&'a str>,
    timeline: Vec<ShownEvent<'a>>,
    credit: Option<ShownCredit>,
    steps: &'a [StepRecord],
    bot: Option<(i64, &'a str)>,
    bot_token: Option<ShownSecret<'a>>,
    model_key: Option<ShownSecret<'a>>,
    is_changing: bool,
    deliveries: Vec<ShownDelivery<'a>>,
    health: ShownHealth,
}

impl<'a> From<&'a Details> for ShownAssistant<'a> {
    fn from(details: &'a Details) -> Self {
        let Details {
            record,
            version,
            checkout_url,
            timeline,
            credit,
            steps,
            bot,
            bot_token,
            model_key,
            is_changing,
            callbacks,
            health,
        } = details;
        Self {
            record,
            version: *version,
            checkout_url: checkout_url.as_deref(),
            timeline: timeline.iter().map(ShownEvent::from).collect(),
            credit: credit.map(ShownCredit::from),
            steps,
            bot: bot.as_ref().map(|bot| (bot.bot_id, &*bot.bot_username)),
            bot_token: bot_token.as_ref().map(ShownSecret::from),
            model_key: model_key.as_ref().map(ShownSecret::from),
            is_changing: *is_changing,
            deliveries: callbacks.iter().map(ShownDelivery::from).collect(),
            health: ShownHealth::from(health),
        }
    }
}

/// Not when it was checked: otherwise every check would render the page again.
#[derive(Serialize)]
struct ShownHealth {
    verdict: Verdict,
    legs: [(HealthCode, Option<Timestamp>); 3],
}

impl From<&HealthRecord> for ShownHealth {
    fn from(HealthRecord { verdict, legs, checked_at: _ }: &HealthRecord) -> Self {
        let HealthLegs { worker, telegram, model } = legs;
        Self { verdict: *verdict, legs: [worker, telegram, model].map(|leg| (leg.code, leg.since)) }
    }
}

#[derive(Serialize)]
struct ShownEvent<'a> {
    created_at: Timestamp,
    status: Status,
    message: Option<&'a str>,
    note: Option<&'a str>,
}

impl<'a> From<&'a TimelineItem> for ShownEvent<'a> {
    fn from(TimelineItem { created_at, status, message, note }: &'a TimelineItem) -> Self {
        Self { created_at: *created_at, status: *status, message: message.as_deref(), note: note.as_deref() }
    }
}

#[derive(Serialize)]
struct ShownCredit {
    credited: Usd,
    used: Usd,
    is_exhausted: bool,
}

impl From<Credit> for ShownCredit {
    fn from(Credit { credited, used, is_exhausted }: Credit) -> Self {
        Self { credited, used, is_exhausted }
    }
}

#[derive(Serialize)]
struct ShownSecret<'a> {
    fingerprint: Option<&'a str>,
    updated_at: Option<Timestamp>,
}

impl<'a> From<&'a StoredSecret> for ShownSecret<'a> {
    fn from(StoredSecret { fingerprint, updated_at }: &'a StoredSecret) -> Self {
        Self { fingerprint: fingerprint.as_deref(), updated_at: *updated_at }
    }
}

#[derive(Serialize)]
struct ShownDelivery<'a> {
    delivery: &'a Delivery,
    next_attempt_at: Option<Timestamp>,
    attempts: Vec<ShownAttempt<'a>>,
}

impl<'a> From<&'a LoggedDelivery> for ShownDelivery<'a> {
    fn from(LoggedDelivery { delivery, next_attempt_at, attempts }: &'a LoggedDelivery) -> Self {
        Self {
            delivery,
            next_attempt_at: *next_attempt_at,
            attempts: attempts.iter().map(ShownAttempt::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct ShownAttempt<'a> {
    number: i64,
    started_at: Timestamp,
    duration_ms: i64,
    status: Option<i64>,
    error: Option<&'a str>,
}

impl<'a> From<&'a DeliveryAttempt> for ShownAttempt<'a> {
    fn from(attempt: &'a DeliveryAttempt) -> Self {
        let DeliveryAttempt { number, started_at, duration_ms, status, error } = attempt;
        Self {
            number: *number,
            started_at: *started_at,
            duration_ms: *duration_ms,
            status: *status,
            error: error.as_deref(),
        }
    }
}

/// What the page of a deleted assistant shows.
#[derive(Serialize)]
pub(super) struct ShownReceipt<'a> {
    id: &'a str,
    name: &'a str,
    mode: ApiMode,
    worker_name: Option<&'a str>,
    had_bot_token: bool,
    had_model_key: bool,
    managed_key: Option<ShownEnd>,
    subscription: ShownSubscription,
    current_period_end: Option<Timestamp>,
    other_subscriptions: Vec<ShownEnd>,
    deleted_at: Timestamp,
    expires_at: Timestamp,
}

impl<'a> From<&'a Receipt> for ShownReceipt<'a> {
    fn from(receipt: &'a Receipt) -> Self {
        let Receipt {
            id,
            name,
            mode,
            worker_name,
            had_bot_token,
            had_model_key,
            managed_key,
            subscription,
            current_period_end,
            other_subscriptions,
            deleted_at,
            expires_at,
        } = receipt;
        Self {
            id,
            name,
            mode: *mode,
            worker_name: worker_name.as_deref(),
            had_bot_token: *had_bot_token,
            had_model_key: *had_model_key,
            managed_key: managed_key.map(ShownEnd::from),
            subscription: ShownSubscription::from(*subscription),
            current_period_end: *current_period_end,
            other_subscriptions: other_subscriptions.iter().copied().map(ShownEnd::from).collect(),
            deleted_at: *deleted_at,
            expires_at: *expires_at,
        }
    }
}

#[derive(Serialize)]
enum ShownEnd {
    Pending,
    Confirmed(Option<Timestamp>),
}

impl From<End> for ShownEnd {
    fn from(end: End) -> Self {
        match end {
            End::Pending => Self::Pending,
            End::Confirmed(at) => Self::Confirmed(at),
        }
    }
}

#[derive(Serialize)]
enum ShownSubscription {
    NeverPaid,
    AlreadyEnded,
    Revoked(ShownEnd),
}

impl From<SubscriptionEnd> for ShownSubscription {
    fn from(end: SubscriptionEnd) -> Self {
        match end {
            SubscriptionEnd::NeverPaid => Self::NeverPaid,
            SubscriptionEnd::AlreadyEnded => Self::AlreadyEnded,
            SubscriptionEnd::Revoked(end) => Self::Revoked(end.into()),
        }
    }
}
