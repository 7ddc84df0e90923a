//! Sentences for customers about money: the state of a subscription, and what stopping or deleting means for billing.

use crate::sentence::Sentence;
use crate::wire::{AssistantRecord, PaymentStatus};

/// Describes the state of the subscription in a sentence or two.
#[must_use]
pub fn summary(record: &AssistantRecord) -> Sentence {
    match (record.payment_status, record.canceled_at, record.current_period_end) {
        // A payment may have been made that Polar has not confirmed yet, so this must not say "not paid".
        (PaymentStatus::Pending, ..) => "Awaiting payment. If you’ve already paid, there is no need to pay again.".into(),
        (PaymentStatus::Paid, None, Some(until)) => Sentence::from("Renews ")
            .day(until)
            .text(". Stopping the assistant doesn’t stop billing."),
        (PaymentStatus::Paid, None, None) => {
            "Renews automatically. Stopping the assistant doesn’t stop billing.".into()
        }
        (PaymentStatus::Paid, Some(canceled), until) => {
            let sentence =
                Sentence::from("Canceled on ").day(canceled).text(". You can use this assistant until ");
            let sentence = match until {
                Some(until) => sentence.day(until),
                None => sentence.text("the end of the billing period"),
            };
            sentence.text(". You won’t be charged again.")
        }
        (PaymentStatus::PastDue, ..) => {
            "Payment failed. Update your card to keep this assistant. Polar retries over the next few days; if every attempt \
             fails, the subscription ends and this assistant can no longer run."
                .into()
        }
        (PaymentStatus::Paused, ..) => {
            "Your subscription is paused: nothing is charged, and this assistant doesn’t run. Resume it in the billing portal. \
             You’re then charged for a new billing period, and if the pause stopped this assistant, it starts again \
             automatically."
                .into()
        }
        (PaymentStatus::Canceled, ..) => "Your subscription has ended. You won’t be charged again.".into(),
        (PaymentStatus::Refunded, ..) => {
            "Your payment was refunded and the subscription has ended. You won’t be charged again.".into()
        }
    }
}

/// Describes what stopping means for billing in a sentence or two, to be shown before it is confirmed.
#[must_use]
pub fn stop_effect(record: &AssistantRecord) -> Sentence {
    match (record.payment_status, record.canceled_at, record.current_period_end) {
        (PaymentStatus::Paid, None, Some(until)) => {
            Sentence::from("You’ll still be billed. Next renewal: ").day(until).text(".")
        }
        (PaymentStatus::Paid, Some(_), _) => {
            "Your subscription is already canceled. You won’t be charged again.".into()
        }
        (PaymentStatus::Paid | PaymentStatus::PastDue, ..) => {
            "You’ll still be billed: stopping doesn’t cancel the subscription.".into()
        }
        (PaymentStatus::Paused, ..) => {
            "Your subscription stays paused. When you resume it, this assistant stays stopped until you start it.".into()
        }
        (PaymentStatus::Pending | PaymentStatus::Canceled | PaymentStatus::Refunded, ..) => {
            "Nothing is charged, whether the assistant runs or not.".into()
        }
    }
}

/// Describes what deleting means for billing in a sentence or two, to be shown before it is confirmed.
#[must_use]
pub fn delete_effect(record: &AssistantRecord) -> Sentence {
    match (record.payment_status, record.current_period_end) {
        // The checkout may be open in another tab, so a payment can still arrive.
        (PaymentStatus::Pending, _) => {
            "If a payment for this order still arrives, its subscription ends immediately. The payment isn’t refunded \
             automatically."
                .into()
        }
        (PaymentStatus::Paid | PaymentStatus::PastDue, Some(until)) => {
            Sentence::from("Your subscription ends now. Time already paid (until ")
                .day(until)
                .text(") isn’t refunded automatically.")
        }
        (PaymentStatus::Paid | PaymentStatus::PastDue, None) => {
            "Your subscription ends now. Time already paid isn’t refunded automatically.".into()
        }
        (PaymentStatus::Paused, _) => {
            "Your paused subscription ends now and can’t be resumed. You won’t be charged again.".into()
        }
        (PaymentStatus::Canceled | PaymentStatus::Refunded, _) => {
            "Your subscription has already ended. You won’t be charged again.".into()
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::assistant::Assistant;
    use crate::ids::{AssistantId, UserId};
    use crate::timestamp::Timestamp;
    use crate::wire::ApiMode;

    fn record(status: PaymentStatus, canceled: bool) -> AssistantRecord {
        let at = |text| Timestamp::parse(text).unwrap();
        let mut a = Assistant::new(
            AssistantId::new(Uuid::nil()),
            UserId::new(Uuid::nil()),
            ApiMode::Byok,
            at("2026-02-13T12:00:00.000Z"),
        );
        a.payment.status = status;
        a.payment.current_period_end =
            (status != PaymentStatus::Pending).then(|| at("2026-03-13T23:59:59.999Z"));
        a.payment.canceled_at = canceled.then(|| at("2026-02-28T00:00:00.000Z"));
        a.record()
    }

    #[test]
    fn paid_subscription_names_its_renewal() {
        let standing = |record| summary(record).to_string();
        let paid = record(PaymentStatus::Paid, false);
        assert_eq!(standing(&paid), "Renews Mar 13, 2026. Stopping the assistant doesn’t stop billing.");
        assert_eq!(stop_effect(&paid).to_string(), "You’ll still be billed. Next renewal: Mar 13, 2026.");
        assert!(delete_effect(&paid).to_string().contains("already paid (until Mar 13, 2026)"));
        let canceled = record(PaymentStatus::Paid, true);
        assert_eq!(
            standing(&canceled),
            "Canceled on Feb 28, 2026. You can use this assistant until Mar 13, 2026. You won’t be charged again."
        );
        assert!(!stop_effect(&canceled).to_string().contains("still be billed"));
    }

    #[test]
    fn paused_subscription_says_how_to_resume() {
        let standing = |record| summary(record).to_string();
        let paused = record(PaymentStatus::Paused, false);
        assert!(
            standing(&paused).contains("paused: nothing is charged")
                && standing(&paused).contains("Resume it")
        );
        assert!(stop_effect(&paused).to_string().contains("stays stopped until you start"));
        assert!(delete_effect(&paused).to_string().contains("can’t be resumed"));
    }

    #[test]
    fn summaries_and_effects_are_sentences() {
        for &status in PaymentStatus::ALL {
            for canceled in [false, true] {
                let record = record(status, canceled);
                for sentence in [summary(&record), stop_effect(&record), delete_effect(&record)] {
                    assert!(sentence.to_string().ends_with('.'), "{status}: {sentence}");
                }
            }
        }
    }
}
