//! The contract's table, cell by cell, and random walks that never leave it.

use proptest::prelude::*;

use super::*;
use Status::{Active, Deploying, Failed, PendingPayment, Purchased, Stopped};

const NOW: Timestamp = Timestamp::from_unix_ms(1_000);

fn run(generation: i64) -> Run {
    Run { worker_name: "openclaw-00000000".to_owned(), generation }
}

fn states() -> [State; 6] {
    [
        State::PendingPayment,
        State::Purchased,
        State::Deploying { run: run(3), deadline: NOW },
        State::Active { run: run(3), worker_url: "https://w".to_owned() },
        State::Failed { run: run(3), failure: FailureCode::DeployTimeout },
        State::Stopped { run: run(3), reason: None },
    ]
}

fn activate() -> Event {
    Event::Activate { worker_name: "openclaw-00000000".to_owned(), deadline: NOW }
}

#[test]
fn the_table() {
    // One row an event; the columns are the six states. `None` is a cell that does not exist.
    let table: [(Event, [Option<Status>; 6]); 9] = [
        (Event::PaymentConfirmed, [Some(Purchased), Some(Purchased), None, None, None, None]),
        (activate(), [None, Some(Deploying), None, None, None, None]),
        (Event::Patch, [None, Some(Purchased), None, None, Some(Failed), Some(Stopped)]),
        (
            Event::WorkerReady { generation: 3, worker_url: "https://w".to_owned() },
            [None, None, Some(Active), None, None, None],
        ),
        (
            Event::DeployFailed { generation: 3, failure: FailureCode::DeployTimeout },
            [None, None, Some(Failed), None, None, None],
        ),
        (Event::WorkerVanished { generation: 3 }, [None, None, None, Some(Failed), None, None]),
        (
            Event::Redeploy { deadline: NOW },
            [None, None, None, Some(Deploying), Some(Deploying), Some(Deploying)],
        ),
        (Event::Stop, [None, None, Some(Stopped), Some(Stopped), Some(Stopped), Some(Stopped)]),
        (
            Event::SubscriptionRevoked,
            [None, Some(Purchased), Some(Stopped), Some(Stopped), Some(Failed), Some(Stopped)],
        ),
    ];
    for (event, row) in table {
        for (state, expected) in states().into_iter().zip(row) {
            let from = state.status();
            let got = state.apply(event.clone());
            assert_eq!(got.as_ref().ok().map(State::status), expected, "{} while {from}", event.name());
            assert_eq!(
                event.allowed().contains(&from),
                expected.is_some(),
                "allowed list of {}",
                event.name()
            );
            if let Err(error) = got {
                assert_eq!((error.from, error.event), (from, event.name()));
            }
        }
    }
}

#[test]
fn what_an_old_run_reports_is_dropped() {
    for generation in [0, 2, 4] {
        let deploying = State::Deploying { run: run(3), deadline: NOW };
        let ready = Event::WorkerReady { generation, worker_url: String::new() };
        assert!(deploying.clone().apply(ready).is_err());
        let failed = Event::DeployFailed { generation, failure: FailureCode::WorkerStartFailed };
        assert!(deploying.apply(failed).is_err());
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let generation = 0_i64..6;
    prop_oneof![
        Just(Event::PaymentConfirmed),
        Just(activate()),
        Just(Event::Patch),
        generation
            .clone()
            .prop_map(|generation| Event::WorkerReady { generation, worker_url: "https://w".to_owned() }),
        generation.clone().prop_map(|generation| Event::DeployFailed {
            generation,
            failure: FailureCode::HealthCheckFailed
        }),
        generation.prop_map(|generation| Event::WorkerVanished { generation }),
        Just(Event::Redeploy { deadline: NOW }),
        Just(Event::Stop),
        Just(Event::SubscriptionRevoked),
    ]
}

proptest! {
    #[test]
    fn random_walks_stay_in_the_table(events in proptest::collection::vec(any_event(), 0..60)) {
        let mut state = State::PendingPayment;
        let mut name: Option<String> = None;
        for event in events {
            let before = state.clone();
            let generation_before = before.run().map_or(0, |run| run.generation);
            match state.apply(event.clone()) {
                Ok(next) => {
                    prop_assert!(event.allowed().contains(&before.status()));
                    // A generation never falls, and a new run always has a new one.
                    let generation = next.run().map_or(0, |run| run.generation);
                    prop_assert!(generation >= generation_before);
                    if next.status() == Deploying && before.status() != Deploying {
                        prop_assert!(generation > generation_before);
                    }
                    // A worker's name is for life, a prebuy never comes back.
                    if let Some(run) = next.run() {
                        prop_assert_eq!(name.get_or_insert_with(|| run.worker_name.clone()), &run.worker_name);
                    }
                    prop_assert!(before.is_prebuy() || !next.is_prebuy());
                    prop_assert_eq!(next.worker_url().is_some(), next.status() == Active);
                    prop_assert!(next.status() != PendingPayment || before.status() == PendingPayment);
                    state = next;
                }
                Err(error) => {
                    prop_assert_eq!(error.from, before.status());
                    state = before;
                }
            }
        }
    }
}
