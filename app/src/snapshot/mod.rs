//! The state that a page shows. The stream of a page sends its records, and its stamp says whether a page is up to date.

mod shown;
mod shown_people;

use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

use reef_domain::settings::SettingsRecord;
use reef_domain::wire::AssistantRecord;
use reef_service::assistants::{Details, Receipt};
use reef_service::health::Verdicts;
use reef_service::{Caller, Error, Services};
use serde::Serialize;
use serde_json::json;

use crate::people::{PeopleData, PeopleSummary};
use shown::{ShownAssistant, ShownReceipt};
use shown_people::{ShownPeople, ShownSummary};

/// The state that a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The records on the page, as JSON.
    pub json: String,
    /// A hash of everything that the page shows: the same in every process of this version.
    pub stamp: String,
}

impl Snapshot {
    fn of(records: &impl Serialize, shown: &impl Serialize) -> Result<Self, Error> {
        let json = serde_json::to_string(records).map_err(Error::internal)?;
        let stamp = stamp(&serde_json::to_vec(shown).map_err(Error::internal)?);
        Ok(Self { json, stamp })
    }

    /// The snapshot of the list of assistants.
    ///
    /// # Errors
    /// [`Error::Internal`] when the records cannot be serialized.
    pub(crate) fn of_list(records: &[Arc<AssistantRecord>], verdicts: &Verdicts) -> Result<Self, Error> {
        // The list shows the records and their verdicts, so they are serialized once.
        let json = serde_json::to_string(records).map_err(Error::internal)?;
        let verdicts = serde_json::to_string(verdicts).map_err(Error::internal)?;
        Ok(Self { stamp: stamp(format!("{json}{verdicts}").as_bytes()), json })
    }

    /// The snapshot of an assistant's page.
    ///
    /// # Errors
    /// [`Error::Internal`] when the records cannot be serialized.
    pub(crate) fn of_assistant(details: &Details, people: &PeopleSummary) -> Result<Self, Error> {
        Self::of(&details.record, &(ShownAssistant::from(details), ShownSummary::from(people)))
    }

    /// The snapshot of the page about an assistant's behavior. Its JSON has only the id: a browser needs nothing else of it.
    ///
    /// # Errors
    /// [`Error::Internal`] when the settings cannot be serialized.
    pub(crate) fn of_behavior(record: &AssistantRecord, settings: &SettingsRecord) -> Result<Self, Error> {
        Self::of(&json!({ "id": record.id }), &(&record.name, settings))
    }

    /// The snapshot of the page about an assistant's people. Its JSON has only the id: a browser needs nothing else of it.
    ///
    /// # Errors
    /// [`Error::Internal`] when the people cannot be serialized.
    pub(crate) fn of_people(record: &AssistantRecord, people: &PeopleData) -> Result<Self, Error> {
        Self::of(&json!({ "id": record.id }), &(record, ShownPeople::from(people)))
    }

    /// The snapshot of a receipt. Its JSON has only the id: a browser needs nothing else of it.
    ///
    /// # Errors
    /// [`Error::Internal`] when the records cannot be serialized.
    pub(crate) fn of_receipt(receipt: &Receipt) -> Result<Self, Error> {
        Self::of(&json!({ "id": receipt.id }), &ShownReceipt::from(receipt))
    }

    /// The URL of the stream at `path` that sends the changes after this snapshot.
    pub(crate) fn stream(&self, path: &str) -> String {
        format!("{path}?seen={}", self.stamp)
    }
}

/// A hash of what a page shows, in JSON.
fn stamp(shown: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(shown);
    format!("{:016x}", hasher.finish())
}

/// The current snapshot of the caller's list of assistants.
///
/// # Errors
/// [`Error::Forbidden`] without the read scope, [`Error::Internal`].
pub(crate) async fn list(services: &Services, caller: &Caller) -> Result<Snapshot, Error> {
    Snapshot::of_list(&services.list_assistants(caller).await?, &services.list_verdicts(caller).await?)
}

/// The current snapshot of the page of the caller's assistant `id`.
///
/// # Errors
/// [`Error::NotFound`] when the caller has no such assistant, [`Error::Internal`].
pub(crate) async fn assistant(services: &Services, caller: &Caller, id: &str) -> Result<Snapshot, Error> {
    let details = services.get_details(caller, id).await?;
    Snapshot::of_assistant(&details, &PeopleSummary::load(services, caller, id).await?)
}

/// The current snapshot of the page about the behavior of the caller's assistant `id`.
///
/// # Errors
/// [`Error::NotFound`] when the caller has no such assistant, [`Error::Internal`].
pub(crate) async fn behavior(services: &Services, caller: &Caller, id: &str) -> Result<Snapshot, Error> {
    let record = services.get_assistant(caller, id).await?;
    Snapshot::of_behavior(&record, &services.get_settings(caller, id).await?)
}

/// The current snapshot of the page about the people of the caller's assistant `id`.
///
/// # Errors
/// [`Error::NotFound`] when the caller has no such assistant, [`Error::Internal`].
pub(crate) async fn people(services: &Services, caller: &Caller, id: &str) -> Result<Snapshot, Error> {
    let record = services.get_assistant(caller, id).await?;
    Snapshot::of_people(&record, &PeopleData::load(services, caller, id).await?)
}

/// The current snapshot of the receipt of the caller's deleted assistant `id`.
///
/// # Errors
/// [`Error::NotFound`] when there is none or it has expired, [`Error::Internal`].
pub(crate) async fn receipt(services: &Services, caller: &Caller, id: &str) -> Result<Snapshot, Error> {
    Snapshot::of_receipt(&services.get_receipt(caller, id).await?)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use reef_domain::health::{HealthCode, Legs, Verdict};
    use reef_domain::ids::DeliveryId;
    use reef_domain::steps::{Step, StepRecord};
    use reef_domain::wire::{ApiMode, DeliveryState, EventKind, PaymentStatus, Status};
    use reef_domain::{Timestamp, Usd};
    use reef_service::assistants::{ActiveBot, End, StoredSecret, SubscriptionEnd, TimelineItem};
    use reef_service::billing::credit::Credit;
    use reef_service::callbacks::{Delivery, DeliveryAttempt, LoggedDelivery};
    use reef_service::people::{OwnerOrigin, OwnerState};

    use super::*;

    const AT: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);
    const LATER: Timestamp = Timestamp::from_unix_ms(1_700_000_000_001);

    fn record() -> AssistantRecord {
        let at = serde_json::to_value(AT).unwrap();
        let record = json!({
            "id": "1", "userId": "2", "organizationId": null, "name": "Pearl", "modelProvider": null, "modelId": null,
            "channelType": "telegram", "apiMode": "managed", "workerName": null, "workerUrl": null, "status": "active",
            "statusMessage": null, "paymentStatus": "paid", "polarSubscriptionId": null, "currentPeriodEnd": null,
            "canceledAt": null, "isPrebuy": false, "userCallbackUrl": null, "createdAt": at, "updatedAt": at,
        });
        serde_json::from_value(record).unwrap()
    }

    fn list() -> (Vec<AssistantRecord>, Verdicts) {
        (vec![record()], Verdicts::from([("1".to_owned(), Verdict::Ok)]))
    }

    fn details() -> Details {
        Details {
            record: record(),
            version: 1,
            checkout_url: None,
            timeline: vec![TimelineItem {
                created_at: AT,
                status: Status::Active,
                message: None,
                note: None,
            }],
            credit: Some(Credit { credited: Usd::ZERO, used: Usd::ZERO, is_exhausted: false }),
            steps: vec![StepRecord { step: Step::Token, began_at: AT, ended_at: None, failed: false }],
            bot: None,
            bot_token: Some(StoredSecret { fingerprint: None, updated_at: None }),
            model_key: None,
            is_changing: false,
            callbacks: vec![delivery()],
            health: Legs::deployed(AT).record(ApiMode::Byok),
        }
    }

    fn people() -> PeopleSummary {
        let owner = OwnerState {
            owner: None,
            became_owner_at: None,
            became_owner_by: None,
            can_be_disowned: false,
            can_be_disowned_until: None,
            is_link_required: false,
        };
        PeopleSummary { waiting: 0, owner }
    }

    fn delivery() -> LoggedDelivery {
        let delivery = Delivery {
            id: DeliveryId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap(),
            kind: EventKind::StatusChanged,
            sequence: 1,
            url: String::new(),
            payload: String::new(),
            state: DeliveryState::Pending,
            attempts: 1,
            last_status: None,
            last_error: None,
            created_at: AT,
            finished_at: None,
        };
        let attempt =
            DeliveryAttempt { number: 1, started_at: AT, duration_ms: 1, status: None, error: None };
        LoggedDelivery { delivery, next_attempt_at: None, attempts: vec![attempt] }
    }

    fn receipt() -> Receipt {
        Receipt {
            id: "1".to_owned(),
            name: "Pearl".to_owned(),
            mode: ApiMode::Managed,
            worker_name: None,
            had_bot_token: false,
            had_model_key: false,
            managed_key: None,
            subscription: SubscriptionEnd::NeverPaid,
            current_period_end: None,
            other_subscriptions: Vec::new(),
            deleted_at: AT,
            expires_at: AT,
        }
    }

    /// Checks that the value and each of its changes have different stamps, and that each stamp is always the same.
    fn assert_stamps_differ<T>(
        value: impl Fn() -> T,
        stamp: impl Fn(&T) -> Result<Snapshot, Error>,
        changes: &[fn(&mut T)],
    ) {
        let stamp = |value: &T| stamp(value).unwrap().stamp;
        let mut stamps = HashSet::from([stamp(&value())]);
        assert!(stamps.contains(&stamp(&value())), "the stamp of equal values must be the same");
        for (number, change) in changes.iter().enumerate() {
            let mut changed = value();
            change(&mut changed);
            assert!(stamps.insert(stamp(&changed)), "change {number} must change the stamp");
            assert!(stamps.contains(&stamp(&changed)), "the stamp of equal values must be the same");
        }
    }

    #[test]
    fn stamp_of_list_changes_with_every_record() {
        assert_stamps_differ(
            list,
            |(records, verdicts)| {
                Snapshot::of_list(&records.iter().cloned().map(Arc::new).collect::<Vec<_>>(), verdicts)
            },
            &[
                |(records, _)| records[0].payment_status = PaymentStatus::PastDue,
                |(records, _)| records[0].updated_at = LATER,
                |(records, _)| records.push(record()),
                |(records, _)| drop(records.pop()),
                |(_, verdicts)| verdicts.extend([("1".to_owned(), Verdict::Failing)]),
                |(_, verdicts)| verdicts.clear(),
            ],
        );
    }

    #[test]
    fn stamp_of_assistant_changes_with_every_shown_field() {
        assert_stamps_differ(
            details,
            |details| Snapshot::of_assistant(details, &people()),
            &[
                |shown| shown.record.name = "Coral".to_owned(),
                |shown| shown.version = 2,
                |shown| shown.checkout_url = Some(String::new()),
                |shown| shown.timeline[0].created_at = LATER,
                |shown| shown.timeline[0].status = Status::Failed,
                |shown| shown.timeline[0].message = Some("x".to_owned()),
                |shown| shown.timeline[0].note = Some("x".to_owned()),
                |shown| shown.timeline.clear(),
                |shown| shown.credit = None,
                |shown| {
                    shown.credit =
                        Some(Credit { credited: Usd::from_micros(1), used: Usd::ZERO, is_exhausted: false });
                },
                |shown| {
                    shown.credit =
                        Some(Credit { credited: Usd::ZERO, used: Usd::from_micros(1), is_exhausted: false });
                },
                |shown| {
                    shown.credit = Some(Credit { credited: Usd::ZERO, used: Usd::ZERO, is_exhausted: true });
                },
                |shown| shown.steps[0].step = Step::Model,
                |shown| shown.steps[0].began_at = LATER,
                |shown| shown.steps[0].ended_at = Some(AT),
                |shown| shown.steps[0].failed = true,
                |shown| shown.bot = Some(ActiveBot { bot_id: 1, bot_username: String::new() }),
                |shown| shown.bot_token = None,
                |shown| {
                    shown.bot_token =
                        Some(StoredSecret { fingerprint: Some("x".to_owned()), updated_at: None });
                },
                |shown| shown.bot_token = Some(StoredSecret { fingerprint: None, updated_at: Some(AT) }),
                |shown| shown.model_key = Some(StoredSecret { fingerprint: None, updated_at: None }),
                |shown| shown.is_changing = true,
                |shown| shown.health.verdict = Verdict::Failing,
                |shown| shown.health.legs.worker.code = HealthCode::WorkerMissing,
                |shown| shown.health.legs.telegram.code = HealthCode::TokenRejected,
                |shown| shown.health.legs.model.code = HealthCode::NoCredit,
                |shown| shown.health.legs.model.since = Some(LATER),
                |shown| shown.callbacks.clear(),
                |shown| shown.callbacks[0].delivery.state = DeliveryState::Failed,
                |shown| shown.callbacks[0].next_attempt_at = Some(AT),
                |shown| shown.callbacks[0].attempts.clear(),
                |shown| shown.callbacks[0].attempts[0].number = 2,
                |shown| shown.callbacks[0].attempts[0].started_at = LATER,
                |shown| shown.callbacks[0].attempts[0].duration_ms = 2,
                |shown| shown.callbacks[0].attempts[0].status = Some(200),
                |shown| shown.callbacks[0].attempts[0].error = Some("x".to_owned()),
            ],
        );
    }

    #[test]
    fn stamp_of_assistant_changes_with_its_people() {
        assert_stamps_differ(
            people,
            |people| Snapshot::of_assistant(&details(), people),
            &[
                |people| people.waiting = 1,
                |people| people.owner.became_owner_at = Some(AT),
                |people| people.owner.became_owner_by = Some(OwnerOrigin::Writing),
                |people| people.owner.can_be_disowned_until = Some(AT),
                |people| people.owner.is_link_required = true,
            ],
        );
    }

    #[test]
    fn stamp_of_receipt_changes_with_every_shown_field() {
        assert_stamps_differ(
            receipt,
            Snapshot::of_receipt,
            &[
                |shown| shown.id = "2".to_owned(),
                |shown| shown.name = "Coral".to_owned(),
                |shown| shown.mode = ApiMode::Byok,
                |shown| shown.worker_name = Some("x".to_owned()),
                |shown| shown.had_bot_token = true,
                |shown| shown.had_model_key = true,
                |shown| shown.managed_key = Some(End::Pending),
                |shown| shown.managed_key = Some(End::Confirmed(None)),
                |shown| shown.managed_key = Some(End::Confirmed(Some(AT))),
                |shown| shown.subscription = SubscriptionEnd::AlreadyEnded,
                |shown| shown.subscription = SubscriptionEnd::Revoked(End::Pending),
                |shown| shown.subscription = SubscriptionEnd::Revoked(End::Confirmed(Some(AT))),
                |shown| shown.current_period_end = Some(AT),
                |shown| shown.other_subscriptions.push(End::Pending),
                |shown| shown.deleted_at = LATER,
                |shown| shown.expires_at = LATER,
            ],
        );
    }
}
