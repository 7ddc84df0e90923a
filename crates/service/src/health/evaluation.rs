//! What follows from what was seen: the legs, the time of the next check, and what the owner is notified of.

use std::time::Duration;

use reef_domain::Assistant;
use reef_domain::health::{Evidence, HealthCode, HealthRecord, Legs, Verdict};
use reef_domain::ids::AssistantId;
use reef_domain::state::State;
use reef_domain::wire::EventKind;
use reef_store::{EventRow, HealthRow, MailKind};

use crate::callbacks::render_health_change;
use crate::error::Error;
use crate::health::schedule::{next_model_check, next_telegram_check};
use crate::mail::MailShare;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

/// An assistant causes at most one email about its health within this time. A change in between is mailed afterwards, if it
/// lasts.
const MAIL_INTERVAL: Duration = Duration::from_secs(3600);

/// What a check has seen. What it did not look at is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// The run that was checked.
    pub generation: Option<i64>,
    pub worker: Option<HealthCode>,
    pub telegram: Option<HealthCode>,
    pub model: Option<HealthCode>,
    /// How long Telegram asked to wait.
    pub asked_wait: Option<Duration>,
}

/// The check that this process has claimed, which is done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claimed {
    Telegram { until: reef_domain::Timestamp },
    Model { until: reef_domain::Timestamp },
}

impl Services {
    /// Considers what a check and the workers have seen of an assistant since the last time, and completes the claim.
    pub(super) async fn evaluate_health(
        &self,
        id: AssistantId,
        claimed: Option<Claimed>,
        seen: Seen,
    ) -> Result<(), Error> {
        let mut work = self.unit_of_work().await?;
        let Some(a) = work.tx.lock_assistant(id).await? else { return Ok(()) };
        let Some(mut row) = work.tx.lock_health(id).await? else { return Ok(()) };
        let is_current = matches!(&a.state, State::Active { run, .. } if run.generation == row.generation);
        if !is_current {
            work.tx.delete_health(id).await?;
            return work.commit(None).await;
        }
        let before = codes(&row.legs);
        let replied = row.model_signal;
        work.observe(&mut row, seen);
        work.schedule_checks(&mut row, claimed, seen.asked_wait, replied.is_some());
        let health = row.legs.record(a.mode);
        work.announce(&a, &mut row, &health).await?;
        work.mail(&a, &mut row, &health).await?;
        work.tx.save_health(&row).await?;
        let after = codes(&row.legs);
        if after == before && !work.has_new_jobs() {
            // After a power cut, the check is repeated.
            return Ok(work.tx.commit_without_sync().await?);
        }
        work.record_change(&a);
        work.commit(None).await?;
        for (leg, (code, before)) in LEGS.into_iter().zip(after.into_iter().zip(before)) {
            if code != before {
                metrics::counter!("reef_health_changes_total", "leg" => leg, "code" => code.as_str())
                    .increment(1);
            }
        }
        Ok(())
    }
}

const LEGS: [&str; 3] = ["worker", "telegram", "model"];

fn codes(legs: &Legs) -> [HealthCode; 3] {
    [legs.worker.code, legs.telegram.code, legs.model.code]
}

impl UnitOfWork<'_> {
    fn observe(&self, row: &mut HealthRow, seen: Seen) {
        let now = self.now;
        if let Some(code) = row.telegram_signal.take() {
            row.legs.telegram.observe(code, Evidence::Use, now);
        }
        if let Some(code) = row.model_signal.take() {
            row.legs.model.observe(code, Evidence::Use, now);
        }
        // The check of an earlier run says nothing about this one.
        if seen.generation != Some(row.generation) {
            return;
        }
        let legs = &mut row.legs;
        for (leg, code) in [
            (&mut legs.worker, seen.worker),
            (&mut legs.telegram, seen.telegram),
            (&mut legs.model, seen.model),
        ] {
            if let Some(code) = code {
                leg.observe(code, Evidence::Check, now);
            }
        }
    }

    /// Schedules the checks. One that was brought forward while it was claimed stays as it is.
    fn schedule_checks(
        &self,
        row: &mut HealthRow,
        claimed: Option<Claimed>,
        asked_wait: Option<Duration>,
        has_replied: bool,
    ) {
        let entropy = &*self.services.ports().entropy;
        let telegram = next_telegram_check(row, asked_wait, self.now, entropy);
        let is_done = claimed == Some(Claimed::Telegram { until: row.next_telegram_check_at });
        if is_done || telegram < row.next_telegram_check_at {
            row.next_telegram_check_at = telegram;
        }
        let model = next_model_check(&row.legs.model, self.now, entropy);
        let is_done = claimed == Some(Claimed::Model { until: row.next_model_check_at });
        // A reply shows as much as a check.
        if is_done || has_replied || model < row.next_model_check_at {
            row.next_model_check_at = model;
        }
    }

    /// Sends a webhook if the verdict is not the one of the last webhook. What is unknown is no verdict.
    async fn announce(
        &mut self,
        a: &Assistant,
        row: &mut HealthRow,
        health: &HealthRecord,
    ) -> Result<(), Error> {
        if health.verdict == Verdict::Unknown || health.verdict == row.announced {
            return Ok(());
        }
        tracing::info!(assistant_id = %a.id, verdict = %health.verdict, before = %row.announced, "health changed");
        row.announced = health.verdict;
        let message = match health.verdict {
            Verdict::Ok => "The assistant is healthy again.",
            _ => health.worst_message(),
        };
        let render = |event: &EventRow| render_health_change(event, health);
        self.record_notice(a.clone(), EventKind::HealthChanged, message.to_owned(), render).await
    }

    /// Mails the verdict if it is not the one of the last email, at most once in an hour.
    async fn mail(&mut self, a: &Assistant, row: &mut HealthRow, health: &HealthRecord) -> Result<(), Error> {
        let is_too_soon = row.mailed_at.is_some_and(|at| self.now.since(at) < MAIL_INTERVAL);
        if health.verdict == Verdict::Unknown || health.verdict == row.mailed || is_too_soon {
            return Ok(());
        }
        row.mailed = health.verdict;
        row.mailed_at = Some(self.now);
        let (kind, detail) = match health.verdict {
            Verdict::Ok => (MailKind::HealthRestored, ""),
            _ => (MailKind::HealthProblem, health.worst_message()),
        };
        self.enqueue_assistant_notice(a, kind, Some(detail.to_owned()), MailShare::Notices(kind)).await
    }
}
