//! The job that informs the owner of an assistant that an allowance is spent, or most of it.

use reef_domain::calendar::Calendar;
use reef_domain::ids::AssistantId;
use reef_domain::usage::{allowance_amount, six_decimals};
use reef_domain::wire::EventKind;
use reef_domain::{Assistant, Usd};
use reef_jobs::{Backoff, Job, JobError, RetryPolicy};
use reef_store::{ANNOUNCE_ALLOWANCE, EventRow, MailKind};
use serde::{Deserialize, Serialize};

use crate::callbacks::{AllowanceNotice, render_allowance_notice};
use crate::error::Error;
use crate::mail::MailShare;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

/// Inform the owner of an assistant which shares of its allowances are spent. The worker enqueues it when it may be so.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AnnounceAllowance {
    assistant_id: AssistantId,
}

impl Job<Services> for AnnounceAllowance {
    const KIND: &'static str = ANNOUNCE_ALLOWANCE;
    const CONCURRENCY: usize = 4;
    const RETRY: RetryPolicy = RetryPolicy::unlimited(Backoff::STANDARD);

    fn dedup_id(&self) -> String {
        self.assistant_id.to_string()
    }

    async fn run(&self, services: &Services) -> Result<(), JobError> {
        Ok(services.announce_allowances(self.assistant_id).await?)
    }
}

/// An allowance that applies now, and what was spent of it.
struct Spending {
    period: &'static str,
    /// The first day of the period.
    starts_on: String,
    limit: Usd,
    /// The limit as the settings have it.
    limit_text: String,
    spent: Usd,
}

impl Spending {
    /// The shares that are announced and have been reached, the lower one first.
    fn reached(&self) -> impl Iterator<Item = &'static str> {
        let reached = |percent: i64| {
            self.spent.micros().saturating_mul(100) >= self.limit.micros().saturating_mul(percent)
        };
        [("0.8", reached(80)), ("1", reached(100))].into_iter().filter_map(|(share, is)| is.then_some(share))
    }

    fn message(&self, share: &str) -> String {
        let of = if self.period == "day" { "today's" } else { "this month's" };
        let limit = &self.limit_text;
        if share == "1" {
            let until = if self.period == "day" { "tomorrow" } else { "next month" };
            format!(
                "The assistant has spent {of} allowance of ${limit}. It continues {until}, or when you raise the allowance."
            )
        } else {
            format!("The assistant has spent 80% of {of} allowance of ${limit}.")
        }
    }

    fn callback(&self, share: &'static str) -> AllowanceNotice<'_> {
        let spent_usd = six_decimals(self.spent);
        AllowanceNotice { period: self.period, limit_usd: &self.limit_text, spent_usd, share }
    }
}

impl Services {
    /// Announces each share of each allowance that was reached, once.
    async fn announce_allowances(&self, id: AssistantId) -> Result<(), Error> {
        let mut work = self.unit_of_work().await?;
        let Some(assistant) = work.tx.lock_assistant(id).await? else { return Ok(()) };
        for spending in self.list_spending(&mut work, &assistant).await? {
            let mut newest = None;
            for share in spending.reached() {
                let period = (spending.period, spending.starts_on.as_str());
                if work.tx.insert_allowance_notice(id, period, share, work.now).await? {
                    let message = spending.message(share);
                    let render = |event: &EventRow| render_allowance_notice(event, spending.callback(share));
                    let a = assistant.clone();
                    work.record_notice(a, EventKind::AllowanceReached, message.clone(), render).await?;
                    newest = Some((share, message));
                }
            }
            // An owner whose allowance was spent at once needs no email about 80% of it.
            if let Some((share, message)) = newest {
                let kind =
                    if share == "1" { MailKind::AllowanceSpent } else { MailKind::AllowanceNearlySpent };
                work.enqueue_assistant_notice(&assistant, kind, Some(message), MailShare::Assistants).await?;
            }
        }
        work.commit(None).await
    }

    async fn list_spending(
        &self,
        work: &mut UnitOfWork<'_>,
        assistant: &Assistant,
    ) -> Result<Vec<Spending>, Error> {
        let settings = self.read_behavior(&mut work.tx, assistant.id).await?;
        let calendar = Calendar::new(&settings.time_zone);
        let today = calendar.day_of(work.now);
        let periods = [
            ("day", today, settings.allowance.per_day_usd),
            ("month", today.month_start(), settings.allowance.per_month_usd),
        ];
        let mut spending = Vec::new();
        for (period, starts_on, limit) in periods {
            let Some((limit_text, limit)) =
                limit.and_then(|text| Some((text.clone(), allowance_amount(&text)?)))
            else {
                continue;
            };
            let spent = work.tx.sum_spent(assistant.id, calendar.start_of(starts_on)).await?;
            spending.push(Spending { period, starts_on: starts_on.to_string(), limit, limit_text, spent });
        }
        Ok(spending)
    }
}
