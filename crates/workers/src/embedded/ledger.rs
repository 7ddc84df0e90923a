//! What calls of the model cost: reserved against the allowance before they are made, and recorded with the reply.

use std::sync::Arc;
use std::time::Duration;

use reef_assistant::{CallEstimate, CallKind, ModelCall, Permit};
use reef_domain::calendar::Calendar;
use reef_domain::catalog::{OPENROUTER_SOURCE, PriceList};
use reef_domain::ids::{AssistantId, ModelCallId};
use reef_domain::settings::Settings as Behavior;
use reef_domain::usage::allowance_amount;
use reef_domain::{Timestamp, Usd};
use reef_store::{CallSource, ModelCallRow, StoreError, Tx};

use crate::embedded::behavior::read_behavior;
use crate::embedded::conversations::current_chat_id;
use crate::embedded::host::Embedded;

/// How long a call waits for the costs of other calls, as long as these may or may not use up the allowance.
const RESERVED_WAIT: Duration = Duration::from_secs(20);

/// How often it looks in the meantime.
const RESERVED_INTERVAL: Duration = Duration::from_millis(500);

impl Embedded {
    /// The current prices of all models.
    pub(super) async fn prices(&self) -> Result<Arc<PriceList>, StoreError> {
        let inner = &self.inner;
        let fetched_at = inner.store.find_known_catalog_fetched_at(OPENROUTER_SOURCE).await?;
        if let Some(prices) = inner.prices.find(fetched_at) {
            return Ok(prices);
        }
        let found = inner.store.read().await?.find_catalog(OPENROUTER_SOURCE).await?;
        let (listed, at) = found.map_or((Vec::new(), None), |(listed, at)| (listed, Some(at)));
        let prices = Arc::new(PriceList::new(&listed));
        inner.prices.set(at, Arc::clone(&prices));
        Ok(prices)
    }
}

/// A limit, and the period that it applies to.
struct Limit {
    amount: Usd,
    from: Timestamp,
    until: Timestamp,
}

/// The limits in the settings that apply now.
fn limits(behavior: &Behavior, now: Timestamp) -> Vec<Limit> {
    let calendar = Calendar::new(&behavior.time_zone);
    let today = calendar.day_of(now);
    let days = [
        (&behavior.allowance.per_day_usd, today, today.next()),
        (&behavior.allowance.per_month_usd, today.month_start(), today.next_month_start()),
    ];
    let limit = |(amount, from, until): (&Option<String>, _, _)| {
        let amount = allowance_amount(amount.as_deref()?)?;
        Some(Limit { amount, from: calendar.start_of(from), until: calendar.start_of(until) })
    };
    days.into_iter().filter_map(limit).collect()
}

/// Whether a call fits into the allowance.
enum Reserved {
    /// It does.
    Granted(ModelCallId),
    /// It depends on what other calls cost.
    Undecided { until: Timestamp },
    /// It does not.
    Exhausted { until: Timestamp },
}

/// The calls that are made for one assistant.
pub(super) struct Ledger<'a> {
    pub embedded: &'a Embedded,
    pub assistant_id: AssistantId,
    /// Whether they are made for the API, and not for a chat.
    pub is_api: bool,
}

impl Ledger<'_> {
    /// Reserves what a call may cost at most.
    pub async fn reserve(
        &self,
        behavior: &Behavior,
        estimate: CallEstimate<'_>,
    ) -> Result<Permit, StoreError> {
        let prices = self.embedded.prices().await?;
        let most = prices
            .find(estimate.provider, estimate.model_id)
            .map_or(Usd::ZERO, |prices| prices.cost(estimate.input_tokens, estimate.output_tokens, 0));
        let mut waited = Duration::ZERO;
        loop {
            let until = match self.try_reserve(behavior, most).await? {
                Reserved::Granted(id) => {
                    return Ok(Permit::Granted { reservation: Some(id.to_string()) });
                }
                Reserved::Undecided { .. } if waited < RESERVED_WAIT => {
                    tokio::time::sleep(RESERVED_INTERVAL).await;
                    waited += RESERVED_INTERVAL;
                    continue;
                }
                Reserved::Undecided { until } | Reserved::Exhausted { until } => until,
            };
            return Ok(Permit::Exhausted { continues_at_unix_ms: until.unix_ms() });
        }
    }

    async fn try_reserve(&self, behavior: &Behavior, most: Usd) -> Result<Reserved, StoreError> {
        let (inner, assistant) = (&self.embedded.inner, self.assistant_id);
        let now = inner.clock.now();
        let mut tx = inner.store.begin().await?;
        // Of two chats that ask at the same time, the second one sees what the first one has reserved.
        tx.lock_assistant(assistant).await?;
        let (mut exhausted, mut undecided) = (None, None);
        for limit in limits(behavior, now) {
            let spent = tx.sum_spent(assistant, limit.from).await?;
            if spent >= limit.amount {
                exhausted = exhausted.max(Some(limit.until));
            } else if spent.plus(tx.sum_reserved(assistant, limit.from).await?) >= limit.amount {
                undecided = undecided.max(Some(limit.until));
            }
        }
        if let Some(until) = exhausted {
            // The limit may have been lowered since the last call.
            self.announce_allowance(&mut tx, now).await?;
            tx.commit().await?;
            return Ok(Reserved::Exhausted { until });
        }
        if let Some(until) = undecided {
            return Ok(Reserved::Undecided { until });
        }
        let id = ModelCallId::new(self.embedded.new_uuid());
        tx.insert_call_reservation(id, assistant, most, now).await?;
        tx.commit().await?;
        Ok(Reserved::Granted(id))
    }

    /// Records calls, and ends their reservations. Returns the calls that were answered.
    pub async fn record_calls(
        &self,
        tx: &mut Tx,
        calls: &[ModelCall],
        prices: &PriceList,
    ) -> Result<Vec<ModelCallRow>, StoreError> {
        let now = self.embedded.inner.clock.now();
        let (mut rows, mut is_limited) = (Vec::new(), false);
        for call in calls {
            if let Some(reservation) = call.reservation.as_deref().and_then(ModelCallId::parse) {
                tx.delete_call_reservation(reservation).await?;
                is_limited = true;
            }
            if call.is_answered {
                let row = self.call_row(tx, call, prices, now).await?;
                tx.insert_model_call(&row).await?;
                rows.push(row);
            }
        }
        if is_limited {
            self.announce_if_reached(tx, now).await?;
        }
        Ok(rows)
    }

    async fn call_row(
        &self,
        tx: &mut Tx,
        call: &ModelCall,
        prices: &PriceList,
        now: Timestamp,
    ) -> Result<ModelCallRow, StoreError> {
        let assistant = self.assistant_id;
        let person = match call.telegram_user_id {
            Some(user) => tx.find_person_by_telegram_user(assistant, user).await?.map(|person| person.id),
            None => None,
        };
        let source = if self.is_api {
            CallSource::Api
        } else {
            let chat = current_chat_id(tx, assistant, call.conversation.chat_id).await?;
            CallSource::Chat { person, chat, thread: call.conversation.thread_id }
        };
        let usage = call.usage.unwrap_or_default();
        let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
        Ok(ModelCallRow {
            id: ModelCallId::new(self.embedded.new_uuid()),
            assistant_id: assistant,
            source,
            kind: match call.kind {
                CallKind::Answer => "answer",
                CallKind::Summary => "summary",
            },
            model: call.model_id.clone(),
            input_tokens: count(usage.input_tokens),
            output_tokens: count(usage.output_tokens),
            cached_input_tokens: count(usage.cached_input_tokens),
            cost: cost(call, prices),
            created_at: now,
        })
    }

    /// Has the owner informed if a share of an allowance that is announced has been reached.
    async fn announce_if_reached(&self, tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
        let behavior = read_behavior(tx, self.assistant_id).await?;
        for limit in limits(&behavior, now) {
            let spent = tx.sum_spent(self.assistant_id, limit.from).await?;
            if spent.micros().saturating_mul(5) >= limit.amount.micros().saturating_mul(4) {
                return self.announce_allowance(tx, now).await;
            }
        }
        Ok(())
    }

    async fn announce_allowance(&self, tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
        tx.request_allowance_notice(self.embedded.new_uuid(), self.assistant_id, now).await
    }
}

/// What a call has cost: as its provider says, or else at the list price. `None` if neither is known.
fn cost(call: &ModelCall, prices: &PriceList) -> Option<Usd> {
    let usage = call.usage?;
    let listed = || prices.find(call.provider, &call.model_id);
    usage
        .cost_micro_usd
        .map(Usd::from_micros)
        .or_else(|| Some(listed()?.cost(usage.input_tokens, usage.output_tokens, usage.cached_input_tokens)))
}
