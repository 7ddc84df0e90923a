use reef_domain::ids::{AssistantId, ModelCallId, PersonId};
use reef_domain::people::Role;
use reef_domain::{Timestamp, Usd};
use reef_store::{
    CallSource, ModelCallRow, PersonRow, PersonUsage, Tx, USAGE_INTERVAL_MS, UsageSums, on_both_databases,
};

use crate::support::{NOW, add_unpaid_assistant, add_user, uuid};

/// A whole number of intervals since 1970.
const START: Timestamp = Timestamp::from_unix_ms(NOW.unix_ms() - NOW.unix_ms() % USAGE_INTERVAL_MS);

fn later(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(START.unix_ms() + ms)
}

fn call(
    assistant: AssistantId,
    source: CallSource,
    cost: Option<i64>,
    created_at: Timestamp,
) -> ModelCallRow {
    ModelCallRow {
        id: ModelCallId::new(uuid()),
        assistant_id: assistant,
        source,
        kind: "answer",
        model: "claude-sonnet-5-5".to_owned(),
        input_tokens: 100,
        output_tokens: 10,
        cached_input_tokens: 0,
        cost: cost.map(Usd::from_micros),
        created_at,
    }
}

fn sums(turns: i64, cost: Option<i64>) -> UsageSums {
    UsageSums { turns, input_tokens: turns * 100, output_tokens: turns * 10, cost_micro_usd: cost }
}

async fn insert_person(tx: &mut Tx, assistant: AssistantId) -> PersonId {
    let person = PersonRow {
        id: PersonId::new(uuid()),
        assistant_id: assistant,
        telegram_user_id: 7,
        name: "Ann".to_owned(),
        username: None,
        role: Role::Approved,
        first_seen_at: NOW,
        last_seen_at: NOW,
        role_set_at: NOW,
        is_first_writer: false,
        refused_at: None,
        refused_update_id: None,
    };
    assert!(tx.insert_person(&person).await.expect("insert should succeed"));
    person.id
}

on_both_databases! {
    async fn usage_is_summed_by_time_model_and_person(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (assistant, other) = (add_unpaid_assistant(&mut tx, user).await.id, add_unpaid_assistant(&mut tx, user).await.id);
        let person = insert_person(&mut tx, assistant).await;
        let chat = CallSource::Chat { person: Some(person), chat: 7, thread: 0 };
        let group = CallSource::Chat { person: None, chat: -7, thread: 3 };
        let last = USAGE_INTERVAL_MS - 1;
        for (source, cost, at) in [
            (chat, Some(5), START), (chat, None, later(last)), (group, None, later(last + 1)), (CallSource::Api, Some(7), later(last + 2)),
        ] {
            tx.insert_model_call(&call(assistant, source, cost, at)).await.unwrap();
        }
        tx.insert_model_call(&call(other, chat, Some(100), START)).await.unwrap();
        let step = ModelCallRow { kind: "step", model: "other".to_owned(), ..call(assistant, CallSource::Api, Some(1), later(last + 2)) };
        for _ in 0..2 {
            tx.insert_model_call(&step).await.unwrap();
        }

        let until = later(10 * USAGE_INTERVAL_MS);
        let intervals = tx.sum_usage_by_interval(assistant, START, until).await.unwrap();
        let number = START.unix_ms() / USAGE_INTERVAL_MS;
        let found: Vec<_> = intervals.iter().map(|row| (row.interval_number - number, row.sums)).collect();
        let second = UsageSums { turns: 2, input_tokens: 300, output_tokens: 30, cost_micro_usd: Some(8) };
        assert_eq!(found, [(0, sums(2, Some(5))), (1, second)]);
        assert_eq!(tx.sum_usage_by_interval(assistant, START, later(1)).await.unwrap()[0].sums, sums(1, Some(5)));

        let models = tx.sum_usage_by_model(assistant, START, until).await.unwrap();
        let names: Vec<_> = models.iter().map(|row| (row.model.as_str(), row.sums.turns, row.sums.cost_micro_usd)).collect();
        assert_eq!(names, [("claude-sonnet-5-5", 4, Some(12)), ("other", 0, Some(1))]);

        let api = UsageSums { turns: 1, input_tokens: 200, output_tokens: 20, cost_micro_usd: Some(8) };
        let expected = |person_id, sums| PersonUsage { is_api: false, person_id, sums };
        let mut people = tx.sum_usage_by_person(assistant, START, until).await.unwrap();
        people.sort_by_key(|row| (row.is_api, row.person_id.is_none()));
        assert_eq!(people, [
            expected(Some(person), sums(2, Some(5))),
            expected(None, sums(1, None)),
            PersonUsage { is_api: true, person_id: None, sums: api },
        ]);

        // An erased person is in no row, and what they have used stays in the sums.
        assert!(tx.delete_person(assistant, person).await.unwrap());
        let mut people = tx.sum_usage_by_person(assistant, START, until).await.unwrap();
        people.sort_by_key(|row| row.is_api);
        assert_eq!(people[0], expected(None, sums(3, Some(5))));
        assert_eq!(tx.sum_spent(assistant, START).await.unwrap(), Usd::from_micros(13));
        assert_eq!(tx.sum_spent(assistant, later(1)).await.unwrap(), Usd::from_micros(8));
    }

    async fn reservations_and_notices(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let assistant = add_unpaid_assistant(&mut tx, user).await.id;
        let ids = [ModelCallId::new(uuid()), ModelCallId::new(uuid())];
        for (id, at) in ids.into_iter().zip([START, later(5)]) {
            tx.insert_call_reservation(id, assistant, Usd::from_micros(40), at).await.unwrap();
        }
        assert_eq!(tx.sum_reserved(assistant, START).await.unwrap(), Usd::from_micros(80));
        assert_eq!(tx.sum_reserved(assistant, later(1)).await.unwrap(), Usd::from_micros(40));
        tx.delete_call_reservation(ids[1]).await.unwrap();
        assert_eq!(tx.sum_reserved(assistant, later(1)).await.unwrap(), Usd::ZERO);

        for (period, share, is_new) in [("day", "0.8", true), ("day", "0.8", false), ("day", "1", true), ("month", "0.8", true)] {
            let period = (period, "2026-12-01");
            assert_eq!(tx.insert_allowance_notice(assistant, period, share, NOW).await.unwrap(), is_new);
        }
        tx.insert_model_call(&call(assistant, CallSource::Api, None, START)).await.unwrap();
        assert_eq!(tx.prune_model_calls(START).await.unwrap(), 0);
        assert_eq!(tx.prune_model_calls(later(60 * 60 * 1000)).await.unwrap(), 5);
    }

    async fn notice_is_requested_once(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let assistant = add_unpaid_assistant(&mut tx, user).await.id;
        for _ in 0..2 {
            tx.request_allowance_notice(uuid(), assistant, NOW).await.unwrap();
        }
        tx.commit().await.unwrap();
        let open = db.store.read().await.unwrap().list_open_jobs().await.unwrap();
        assert_eq!(open.iter().map(|row| (row.kind.as_str(), row.count)).collect::<Vec<_>>(), [("announce_allowance", 1)]);
    }
}
