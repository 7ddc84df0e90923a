//! The money side of an assistant in plain words: how it stands, and what an action means for it before it is done.

use crate::actions::Action;
use crate::sentence::Sentence;
use crate::wire::{AssistantRecord, PaymentStatus};

/// How the payment stands, in a sentence or two.
#[must_use]
pub fn standing(record: &AssistantRecord) -> Sentence {
    match (record.payment_status, record.canceled_at, record.current_period_end) {
        // Also while a payment is being confirmed.
        (PaymentStatus::Pending, ..) => "Awaiting payment. If you’ve already paid, there is no need to pay again.".into(),
        (PaymentStatus::Paid, None, Some(until)) => Sentence::from("Paid until ")
            .day(until)
            .text("; it renews automatically then. Stopping does not stop the billing."),
        (PaymentStatus::Paid, None, None) => {
            "Paid; it renews automatically. Stopping does not stop the billing.".into()
        }
        (PaymentStatus::Paid, Some(canceled), until) => {
            let sentence = Sentence::from("Canceled on ").day(canceled).text(". The slot is yours until ");
            let sentence = match until {
                Some(until) => sentence.day(until),
                None => sentence.text("the end of the paid period"),
            };
            sentence.text(", and nothing more is charged.")
        }
        (PaymentStatus::PastDue, ..) => {
            "The last renewal could not be charged. Polar tries again over the next days; if that does not work, the \
             subscription ends and the assistant stops. Update your card to keep it."
                .into()
        }
        (PaymentStatus::Paused, ..) => {
            "Your subscription is paused: nothing is charged, and nothing runs. Resume it under “Invoices and payment \
             method”: a new month is charged then, and what the pause stopped starts again automatically."
                .into()
        }
        (PaymentStatus::Canceled, ..) => "The subscription has ended. Nothing more is charged.".into(),
        (PaymentStatus::Refunded, ..) => {
            "The payment was refunded and the subscription is over. Nothing more is charged.".into()
        }
    }
}

/// What an action means for the money, in a sentence or two.
#[must_use]
pub fn consequence(record: &AssistantRecord, action: Action) -> Sentence {
    match action {
        Action::Stop => stopping(record),
        Action::Delete => deleting(record),
        Action::Activate | Action::Edit | Action::Change | Action::Redeploy | Action::TestCallback => {
            "This costs nothing extra.".into()
        }
    }
}

fn stopping(record: &AssistantRecord) -> Sentence {
    match (record.payment_status, record.canceled_at, record.current_period_end) {
        (PaymentStatus::Paid, None, Some(until)) => {
            Sentence::from("Stopping does not stop the billing: the subscription goes on and renews on ")
                .day(until)
                .text(".")
        }
        (PaymentStatus::Paid, Some(_), _) => {
            "The subscription is canceled already: nothing more is charged, stopped or not.".into()
        }
        (PaymentStatus::Paid | PaymentStatus::PastDue, ..) => {
            "Stopping does not stop the billing: the subscription goes on.".into()
        }
        (PaymentStatus::Paused, ..) => {
            "Your subscription stays paused. When you resume it, this assistant stays stopped until you start it.".into()
        }
        (PaymentStatus::Pending | PaymentStatus::Canceled | PaymentStatus::Refunded, ..) => {
            "Nothing is charged any more, stopped or not.".into()
        }
    }
}

fn deleting(record: &AssistantRecord) -> Sentence {
    match (record.payment_status, record.current_period_end) {
        // Whether somebody is paying just now is not known here.
        (PaymentStatus::Pending, _) => {
            "If a payment for it arrives after all, that subscription ends at once; the money isn’t refunded automatically."
                .into()
        }
        (PaymentStatus::Paid | PaymentStatus::PastDue, Some(until)) => {
            Sentence::from("The subscription is ended and nothing more is charged. Time already paid (until ")
                .day(until)
                .text(") isn’t refunded automatically.")
        }
        (PaymentStatus::Paid | PaymentStatus::PastDue, None) => {
            "The subscription is ended and nothing more is charged. Time already paid isn’t refunded automatically.".into()
        }
        (PaymentStatus::Paused, _) => {
            "Your paused subscription is ended and cannot be resumed. Nothing more is charged.".into()
        }
        (PaymentStatus::Canceled | PaymentStatus::Refunded, _) => {
            "Its subscription has ended already; nothing more is charged.".into()
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
        let mut a = Assistant::ordered(
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
    fn what_is_paid_says_until_when_and_that_it_goes_on() {
        let standing = |record| standing(record).to_string();
        let consequence = |record, action| consequence(record, action).to_string();
        let paid = record(PaymentStatus::Paid, false);
        assert_eq!(
            standing(&paid),
            "Paid until Mar 13, 2026; it renews automatically then. Stopping does not stop the billing."
        );
        assert_eq!(
            consequence(&paid, Action::Stop),
            "Stopping does not stop the billing: the subscription goes on and renews on Mar 13, 2026."
        );
        assert!(consequence(&paid, Action::Delete).contains("already paid (until Mar 13, 2026)"));
        let canceled = record(PaymentStatus::Paid, true);
        assert_eq!(
            standing(&canceled),
            "Canceled on Feb 28, 2026. The slot is yours until Mar 13, 2026, and nothing more is charged."
        );
        assert!(!consequence(&canceled, Action::Stop).contains("goes on"));
    }

    #[test]
    fn a_paused_subscription_says_that_nothing_is_charged_and_how_it_goes_on() {
        let standing = |record| standing(record).to_string();
        let consequence = |record, action| consequence(record, action).to_string();
        let paused = record(PaymentStatus::Paused, false);
        assert!(
            standing(&paused).contains("paused: nothing is charged")
                && standing(&paused).contains("Resume it")
        );
        assert!(consequence(&paused, Action::Stop).contains("stays stopped until you start"));
        assert!(consequence(&paused, Action::Delete).contains("cannot be resumed"));
    }

    #[test]
    fn every_standing_and_every_action_has_its_sentence() {
        let actions = [
            Action::Activate,
            Action::Edit,
            Action::Change,
            Action::Redeploy,
            Action::Stop,
            Action::TestCallback,
            Action::Delete,
        ];
        for &status in PaymentStatus::ALL {
            for canceled in [false, true] {
                let record = record(status, canceled);
                for action in actions {
                    assert!(consequence(&record, action).to_string().ends_with('.'), "{status} {action:?}");
                }
                assert!(standing(&record).to_string().ends_with('.'), "{status}");
            }
        }
    }
}
