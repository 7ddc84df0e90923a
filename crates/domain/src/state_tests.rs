//! Tests of the state machine: the transition table cell by cell, and random sequences of events.

use proptest::prelude::*;

use super::*;
use Status::{Active, Deploying, Failed, PendingPayment, Purchased, Stopped};

const NOW: Timestamp = Timestamp::from_unix_ms(1_000);

fn run(generation: i64) -> Run {
    Run { worker_name: "openclaw-00000000".to_owned(), generation }
}

fn stopped(reason: Option<FailureCode>) -> State {
    State::Stopped { run: run(3), reason }
}

fn states() -> [State; 8] {
    [
        State::PendingPayment,
        State::Purchased,
        State::Deploying { run: run(3), deadline: NOW },
        State::Active { run: run(3), worker_url: "https://w".to_owned() },
        State::Failed { run: run(3), failure: FailureCode::DeployTimeout },
        stopped(None),
        stopped(Some(FailureCode::SubscriptionPaused)),
        stopped(Some(FailureCode::SubscriptionEnded)),
    ]
}

fn activate() -> Event {
    Event::Activate { worker_name: "openclaw-00000000".to_owned(), deadline: NOW }
}

#[test]
fn transitions_match_table() {
    // One row per event, one column per state; the last three are `stopped` by the owner, by a pause and by the end of
    // the subscription. `None` means that the event is rejected.
    let table: [(Event, [Option<Status>; 8]); 11] = [
        (Event::PaymentConfirmed, [Some(Purchased), Some(Purchased), None, None, None, None, None, None]),
        (activate(), [None, Some(Deploying), None, None, None, None, None, None]),
        (
            Event::Update,
            [None, Some(Purchased), None, None, Some(Failed), Some(Stopped), Some(Stopped), Some(Stopped)],
        ),
        (
            Event::WorkerReady { generation: 3, worker_url: "https://w".to_owned() },
            [None, None, Some(Active), None, None, None, None, None],
        ),
        (
            Event::DeployFailed { generation: 3, failure: FailureCode::DeployTimeout },
            [None, None, Some(Failed), None, None, None, None, None],
        ),
        (Event::WorkerVanished { generation: 3 }, [None, None, None, Some(Failed), None, None, None, None]),
        (
            Event::Redeploy { deadline: NOW },
            [
                None,
                None,
                None,
                Some(Deploying),
                Some(Deploying),
                Some(Deploying),
                Some(Deploying),
                Some(Deploying),
            ],
        ),
        (
            Event::Stop,
            [
                None,
                None,
                Some(Stopped),
                Some(Stopped),
                Some(Stopped),
                Some(Stopped),
                Some(Stopped),
                Some(Stopped),
            ],
        ),
        (
            Event::SubscriptionRevoked,
            [
                None,
                Some(Purchased),
                Some(Stopped),
                Some(Stopped),
                Some(Failed),
                Some(Stopped),
                Some(Stopped),
                Some(Stopped),
            ],
        ),
        (
            Event::SubscriptionPaused,
            [
                None,
                Some(Purchased),
                Some(Stopped),
                Some(Stopped),
                Some(Failed),
                Some(Stopped),
                Some(Stopped),
                Some(Stopped),
            ],
        ),
        (
            Event::SubscriptionResumed { deadline: NOW },
            [None, Some(Purchased), None, None, Some(Failed), Some(Stopped), Some(Deploying), Some(Stopped)],
        ),
    ];
    for (event, row) in table {
        for (state, expected) in states().into_iter().zip(row) {
            let from = state.status();
            let got = state.apply(event.clone());
            assert_eq!(got.as_ref().ok().map(State::status), expected, "{} while {from}", event.name());
            assert_eq!(
                event.allowed_statuses().contains(&from),
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
fn result_of_older_run_is_rejected() {
    for generation in [0, 2, 4] {
        let deploying = State::Deploying { run: run(3), deadline: NOW };
        let ready = Event::WorkerReady { generation, worker_url: String::new() };
        assert!(deploying.clone().apply(ready).is_err());
        let failed = Event::DeployFailed { generation, failure: FailureCode::WorkerStartFailed };
        assert!(deploying.apply(failed).is_err());
    }
}

#[test]
fn only_pause_is_restarted_by_resume() {
    use FailureCode::{SubscriptionEnded as Ended, SubscriptionPaused as Paused};
    let after = |state: State, event: Event| state.apply(event).unwrap();
    let resumed = || Event::SubscriptionResumed { deadline: NOW };
    for running in [
        State::Deploying { run: run(3), deadline: NOW },
        State::Active { run: run(3), worker_url: "https://w".to_owned() },
    ] {
        let paused = after(running.clone(), Event::SubscriptionPaused);
        assert_eq!(paused, State::Stopped { run: run(4), reason: Some(Paused) });
        // A late result of the run before the pause is dropped.
        let late = Event::WorkerReady { generation: 3, worker_url: String::new() };
        assert!(paused.clone().apply(late).is_err());
        assert_eq!(after(paused.clone(), Event::SubscriptionPaused), paused);
        assert_eq!(after(paused.clone(), Event::Update), paused);
        assert_eq!(after(paused, resumed()), State::Deploying { run: run(5), deadline: NOW });
        let ended = after(running, Event::SubscriptionRevoked);
        assert_eq!(ended, State::Stopped { run: run(4), reason: Some(Ended) });
        assert_eq!(after(ended, resumed()), State::Stopped { run: run(4), reason: None });
    }
    // For each event, the reason that follows on no reason, on a pause and on an end.
    let rows = [
        (Event::Stop, [None, None, Some(Ended)]),
        (Event::SubscriptionRevoked, [None, Some(Ended), Some(Ended)]),
        (Event::SubscriptionPaused, [None, Some(Paused), None]),
        (Event::Update, [None, Some(Paused), Some(Ended)]),
    ];
    for (event, expected) in rows {
        for (reason, expected) in [None, Some(Paused), Some(Ended)].into_iter().zip(expected) {
            assert_eq!(
                after(stopped(reason), event.clone()),
                stopped(expected),
                "{} on {reason:?}",
                event.name()
            );
        }
    }
    assert_eq!(after(stopped(None), resumed()), stopped(None));
    assert_eq!(after(stopped(Some(Ended)), resumed()), stopped(None));
}

fn any_event() -> impl Strategy<Value = Event> {
    let generation = 0_i64..6;
    prop_oneof![
        Just(Event::PaymentConfirmed),
        Just(activate()),
        Just(Event::Update),
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
        Just(Event::SubscriptionPaused),
        Just(Event::SubscriptionResumed { deadline: NOW }),
    ]
}

proptest! {
    #[test]
    fn random_event_sequences_stay_in_the_table(events in proptest::collection::vec(any_event(), 0..60)) {
        let mut state = State::PendingPayment;
        let mut name: Option<String> = None;
        // Whether a pause stopped the assistant and no other event has canceled the automatic restart since.
        let mut is_held = false;
        for event in events {
            let before = state.clone();
            let generation_before = before.run().map_or(0, |run| run.generation);
            match state.apply(event.clone()) {
                Ok(next) => {
                    prop_assert!(event.allowed_statuses().contains(&before.status()));
                    // Generations never decrease, and every run has a new one.
                    let generation = next.run().map_or(0, |run| run.generation);
                    prop_assert!(generation >= generation_before);
                    if next.status() == Deploying && before.status() != Deploying {
                        prop_assert!(generation > generation_before);
                    }
                    // The worker's name never changes, and an activation is never undone.
                    if let Some(run) = next.run() {
                        prop_assert_eq!(name.get_or_insert_with(|| run.worker_name.clone()), &run.worker_name);
                    }
                    prop_assert!(before.is_prebuy() || !next.is_prebuy());
                    prop_assert_eq!(next.worker_url().is_some(), next.status() == Active);
                    prop_assert!(next.status() != PendingPayment || before.status() == PendingPayment);
                    // Resuming starts an assistant only if a pause stopped it.
                    if let Event::SubscriptionResumed { .. } = event {
                        prop_assert_eq!(next.is_running(), is_held);
                    }
                    is_held = match event {
                        Event::SubscriptionPaused => is_held || before.is_running(),
                        Event::Update => is_held,
                        _ => false,
                    };
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
