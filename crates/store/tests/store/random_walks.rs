//! Random walks through the state machine: every state is read back as it was saved.

use reef_domain::ids::{AssistantId, UserId};
use reef_domain::state::Event;
use reef_domain::wire::{ApiMode, PaymentStatus, Provider};
use reef_domain::{Assistant, FailureCode, Timestamp};
use reef_store::{Store, on_both_databases};

use crate::support::{NOW, add_user, at, uuid, worker_name};

const WALKS: u64 = 24;
const STEPS: u32 = 30;

/// A small generator with a seed (Steele's SplitMix64), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).expect("length should fit in 64 bits"))
            .expect("remainder should be below `end`")
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(3) > 0).then(|| make(self))
    }

    fn moment(&mut self) -> Timestamp {
        // Any millisecond between 1970 and 2100.
        Timestamp::from_unix_ms(
            i64::try_from(self.next() % 4_102_444_800_000).expect("remainder should be below 2^63"),
        )
    }

    fn text(&mut self) -> String {
        let chars = ['a', 'Z', '0', ' ', '\'', '"', '\\', '%', '_', '\n', 'é', '漢', '🪸', '\u{202e}'];
        (0..self.below(20)).map(|_| self.one_of(&chars)).collect()
    }
}

fn event(random: &mut Random, assistant: &Assistant) -> Event {
    let current = assistant.state.run().map_or(0, |run| run.generation);
    // Most events belong to the current run, so that walks make progress.
    let generation = if random.below(5) == 0 { current - 1 } else { current };
    match random.below(10) {
        0 | 1 => Event::PaymentConfirmed,
        2 => Event::Activate { worker_name: worker_name(), deadline: random.moment() },
        3 => Event::Update,
        4 | 5 => Event::WorkerReady { generation, worker_url: format!("https://w/{}", random.text()) },
        6 => Event::DeployFailed { generation, failure: random.one_of(&FailureCode::ALL) },
        7 => Event::WorkerVanished { generation },
        8 => Event::Redeploy { deadline: random.moment() },
        _ if random.below(2) == 0 => Event::Stop,
        _ => Event::SubscriptionRevoked,
    }
}

/// Changes everything else that can be stored.
fn change_everything_else(random: &mut Random, assistant: &mut Assistant) {
    assistant.payment.status = match random.below(8) {
        0 => random.one_of(PaymentStatus::ALL),
        _ => PaymentStatus::Paid,
    };
    assistant.payment.subscription_id = random.maybe(Random::text);
    assistant.payment.current_period_end = random.maybe(Random::moment);
    assistant.payment.canceled_at = random.maybe(Random::moment);
    assistant.config.name = random.maybe(Random::text);
    assistant.config.provider = random.maybe(|random| random.one_of(Provider::ALL));
    assistant.config.model_id = random.maybe(Random::text);
    assistant.config.callback_url = random.maybe(Random::text);
    assistant.undo_reason = random.maybe(|random| random.one_of(&FailureCode::ALL));
    assistant.sequence += 1;
    assistant.updated_at = random.moment();
}

/// Walks once; returns how many steps saved something.
async fn walk(store: &Store, user: UserId, seed: u64) -> u32 {
    let random = &mut Random(seed);
    let mode = random.one_of(ApiMode::ALL);
    let mut assistant = Assistant::new(AssistantId::new(uuid()), user, mode, at(seed.cast_signed()));
    let mut tx = store.begin().await.expect("begin should succeed");
    tx.insert_assistant(&assistant).await.expect("insert should succeed");
    tx.commit().await.expect("commit should succeed");
    let mut saved = 0;
    for step in 0..STEPS {
        let mut tx = store.begin().await.expect("begin should succeed");
        let read =
            tx.lock_assistant(assistant.id).await.expect("row should be readable").expect("row should exist");
        assert_eq!(read, assistant, "seed {seed}, step {step}");
        let event = event(random, &assistant);
        let mut next = read;
        if next.apply(event).is_ok() {
            change_everything_else(random, &mut next);
            assert!(
                tx.update_assistant(&mut next).await.expect("update should succeed"),
                "seed {seed}, step {step}"
            );
            tx.commit().await.expect("commit should succeed");
            saved += 1;
            assert_eq!(next.version, i64::from(saved));
            assistant = next;
        }
    }
    let mut tx = store.read().await.expect("begin should succeed");
    assert_eq!(
        tx.find_assistant(assistant.id).await.expect("row should be readable"),
        Some(assistant),
        "seed {seed}"
    );
    saved
}

on_both_databases! {
    async fn random_walk_round_trips(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        tx.commit().await.unwrap();
        let mut saved = 0;
        for seed in 0..WALKS {
            saved += walk(&db.store, user, seed).await;
        }
        // A good part of the steps must have been possible, or the test shows nothing.
        assert!(saved > u32::try_from(WALKS).unwrap() * STEPS / 5, "{saved}");
        let all = db.store.read().await.unwrap().list_assistants(user, NOW).await.unwrap();
        assert_eq!(u64::try_from(all.len()).unwrap(), WALKS);
    }
}
