//! The share of an assistant for everyone.

use reef_assistant::{Share, TurnOutcome, Verdict};
use reef_domain::settings::{AccessMode, Settings};

use crate::fake::{FakeHost, text_update};

fn open_host(share: Share) -> FakeHost {
    let mut behavior = Settings::default();
    behavior.access.mode = AccessMode::Anyone;
    FakeHost::new().with_admission(behavior, Verdict::Allowed).with_share(share)
}

#[tokio::test(start_paused = true)]
async fn used_up_share_asks_no_model() {
    let host = open_host(Share::UsedUp { is_announced: true });
    host.turn(&text_update(1, "hi")).await.unwrap();
    assert!(host.sent()[0].contains("need a break"), "{:?}", host.sent());
    assert_eq!((host.calls("model").len(), host.shares()), (0, vec![7]));
    let host = open_host(Share::UsedUp { is_announced: false });
    assert_eq!(host.turn(&text_update(1, "hi")).await, Ok(TurnOutcome::Ignored));
    assert!(host.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn commands_count_toward_no_share() {
    let host = open_host(Share::UsedUp { is_announced: true });
    host.turn(&text_update(1, "/help")).await.unwrap();
    assert_eq!((host.sent().len(), host.shares()), (1, Vec::new()));
}
