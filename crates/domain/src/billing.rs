//! The money side of an assistant in plain words: how it stands, and what an action means for it before it is done.

use crate::actions::Action;
use crate::timestamp::Timestamp;
use crate::wire::{AssistantRecord, PaymentStatus};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The day of a moment in UTC, as people write it: `13 March 2026`.
#[must_use]
pub fn day(at: Timestamp) -> String {
    let text = at.to_string();
    let part = |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<usize>().ok());
    let month = part(5, 7).and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    match (part(0, 4), month, part(8, 10)) {
        (Some(year), Some(month), Some(day)) => format!("{day} {month} {year}"),
        _ => text,
    }
}

/// How the payment stands, in a sentence or two.
#[must_use]
pub fn standing(record: &AssistantRecord) -> String {
    let until = record.current_period_end.map(day);
    match (record.payment_status, record.canceled_at, until) {
        (PaymentStatus::Pending, ..) => {
            "Not paid yet. Nothing is charged until the checkout is finished.".to_owned()
        }
        (PaymentStatus::Paid, None, Some(until)) => {
            format!("Paid until {until}; it renews by itself then. Stopping does not stop the billing.")
        }
        (PaymentStatus::Paid, None, None) => {
            "Paid; it renews by itself. Stopping does not stop the billing.".to_owned()
        }
        (PaymentStatus::Paid, Some(canceled), until) => {
            let until = until.unwrap_or_else(|| "the end of the paid period".to_owned());
            format!("Cancelled on {}. The slot is yours until {until}, and nothing more is charged.", day(canceled))
        }
        (PaymentStatus::PastDue, ..) => {
            "The last renewal could not be charged. Polar tries again over the next days, and the slot is yours meanwhile; \
             if none of the tries succeeds, the subscription ends and the assistant is stopped. Look at the card under \
             “Invoices and payment method”."
                .to_owned()
        }
        (PaymentStatus::Paused, ..) => {
            "Your subscription is paused: nothing is charged, and nothing runs. Resume it under “Invoices and payment \
             method”: a new month is charged then, and what the pause stopped starts again automatically."
                .to_owned()
        }
        (PaymentStatus::Canceled, ..) => "The subscription has ended. Nothing more is charged.".to_owned(),
        (PaymentStatus::Refunded, ..) => {
            "The payment was refunded and the subscription is over. Nothing more is charged.".to_owned()
        }
    }
}

/// What an action means for the money, in a sentence or two.
#[must_use]
pub fn consequence(record: &AssistantRecord, action: Action) -> String {
    match action {
        Action::Stop => stopping(record),
        Action::Delete => deleting(record),
        Action::Activate | Action::Edit | Action::Change | Action::Redeploy | Action::TestCallback => {
            "This costs nothing extra.".to_owned()
        }
    }
}

fn stopping(record: &AssistantRecord) -> String {
    let until = record.current_period_end.map(day);
    match (record.payment_status, record.canceled_at, until) {
        (PaymentStatus::Paid, None, Some(until)) => {
            format!("Stopping does not stop the billing: the subscription goes on and renews on {until}.")
        }
        (PaymentStatus::Paid, Some(_), _) => {
            "The subscription is cancelled already: nothing more is charged, stopped or not.".to_owned()
        }
        (PaymentStatus::Paid | PaymentStatus::PastDue, ..) => {
            "Stopping does not stop the billing: the subscription goes on.".to_owned()
        }
        (PaymentStatus::Paused, ..) => {
            "Your subscription stays paused. When you resume it, this assistant stays stopped until you redeploy it."
                .to_owned()
        }
        (PaymentStatus::Pending | PaymentStatus::Canceled | PaymentStatus::Refunded, ..) => {
            "Nothing is charged any more, stopped or not.".to_owned()
        }
    }
}

fn deleting(record: &AssistantRecord) -> String {
    let until = record.current_period_end.map(day);
    match (record.payment_status, until) {
        (PaymentStatus::Pending, _) => {
            "Nothing was charged. Should the open checkout be paid after all, that subscription is ended at once; the money \
             does not go back by itself."
                .to_owned()
        }
        (PaymentStatus::Paid | PaymentStatus::PastDue, Some(until)) => format!(
            "The subscription is ended and nothing more is charged. The time that is paid until {until} is lost; no money \
             goes back by itself."
        ),
        (PaymentStatus::Paid | PaymentStatus::PastDue, None) => {
            "The subscription is ended and nothing more is charged. No money goes back by itself.".to_owned()
        }
        (PaymentStatus::Paused, _) => {
            "Your paused subscription is ended and cannot be resumed. Nothing more is charged.".to_owned()
        }
        (PaymentStatus::Canceled | PaymentStatus::Refunded, _) => {
            "Its subscription has ended already; nothing more is charged.".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::assistant::Assistant;
    use crate::ids::{AssistantId, UserId};
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
    fn days_are_written_out() {
        assert_eq!(day(Timestamp::from_unix_ms(0)), "1 January 1970");
        assert_eq!(day(Timestamp::parse("2027-12-31T23:59:59.999Z").unwrap()), "31 December 2027");
    }

    #[test]
    fn what_is_paid_says_until_when_and_that_it_goes_on() {
        let paid = record(PaymentStatus::Paid, false);
        assert_eq!(
            standing(&paid),
            "Paid until 13 March 2026; it renews by itself then. Stopping does not stop the billing."
        );
        assert_eq!(
            consequence(&paid, Action::Stop),
            "Stopping does not stop the billing: the subscription goes on and renews on 13 March 2026."
        );
        assert!(consequence(&paid, Action::Delete).contains("paid until 13 March 2026 is lost"));
        let canceled = record(PaymentStatus::Paid, true);
        assert_eq!(
            standing(&canceled),
            "Cancelled on 28 February 2026. The slot is yours until 13 March 2026, and nothing more is charged."
        );
        assert!(!consequence(&canceled, Action::Stop).contains("goes on"));
    }

    #[test]
    fn a_paused_subscription_says_that_nothing_is_charged_and_how_it_goes_on() {
        let paused = record(PaymentStatus::Paused, false);
        assert!(
            standing(&paused).contains("paused: nothing is charged")
                && standing(&paused).contains("Resume it")
        );
        assert!(consequence(&paused, Action::Stop).contains("stays stopped until you redeploy"));
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
                    assert!(consequence(&record, action).ends_with('.'), "{status} {action:?}");
                }
                assert!(standing(&record).ends_with('.'), "{status}");
            }
        }
    }
}
