//! Flood waits: Telegram makes a bot wait before it writes to a chat again.

use std::time::{Duration, Instant};

use reef_embedded::Delivery;
use reef_service::ports::WorkerHost;
use reef_store::on_both_databases;

use crate::rig::{TOKEN, run, spec, tell};
use crate::world::{World, flood, until};

/// Whether a flood wait of three seconds has passed between two attempts. Clocks and timers may round by some
/// milliseconds.
fn has_waited(refused: Instant, tried: Instant) -> bool {
    tried.duration_since(refused) >= Duration::from_millis(2_950)
}

on_both_databases! {
    async fn flood_wait_is_kept_to_and_holds_up_no_other_chat(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.refuse(5, [flood(3)]);
        tell(&running.host, 1, 5, "one").await;
        until("the refusal", || world.tries(5).len() == 1).await;
        tell(&running.host, 2, 5, "two").await;
        tell(&running.host, 3, 6, "elsewhere").await;
        until("the other chat's answer", || world.texts(6).len() == 1).await;
        assert!(world.texts(5).is_empty());
        until("both answers", || world.texts(5).len() == 2).await;
        assert_eq!(world.texts(5), ["one after 0", "two after 1"]);
        let tries = world.tries(5);
        assert!(has_waited(tries[0], tries[1]), "{:?}", tries[1] - tries[0]);
        assert_eq!(world.asked().len(), 3, "a wait costs no model call");
    }

    async fn flood_wait_outlasts_a_stop_and_a_new_process(db: TestStore) {
        let world = World::start().await;
        let first = run(&db.store, &world, Delivery::Webhook);
        first.host.start(&spec(1, TOKEN)).await.unwrap();
        world.refuse(5, [flood(3)]);
        tell(&first.host, 1, 5, "one").await;
        until("the refusal", || world.tries(5).len() == 1).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        first.stop().await;
        let second = run(&db.store, &world, Delivery::Webhook);
        tell(&second.host, 2, 5, "two").await;
        until("both answers", || world.texts(5).len() == 2).await;
        let tries = world.tries(5);
        assert!(has_waited(tries[0], tries[1]), "{:?}", tries[1] - tries[0]);
        assert_eq!(world.texts(5), ["one after 0", "two after 1"]);
    }

    async fn flood_wait_outlasts_a_redeployment_of_the_same_bot(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.refuse(5, [flood(3)]);
        tell(&running.host, 1, 5, "one").await;
        until("the refusal", || world.tries(5).len() == 1).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        running.host.start(&spec(2, TOKEN)).await.unwrap();
        until("the answer", || world.texts(5).len() == 1).await;
        let tries = world.tries(5);
        assert!(has_waited(tries[0], tries[1]), "{:?}", tries[1] - tries[0]);
    }

    async fn flood_waits_in_a_row_lose_nothing(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        // There are more waits than a failed turn has attempts, and some of them are 0.
        world.refuse(5, (0..12).map(|n| flood(n % 2)));
        tell(&running.host, 1, 5, "one").await;
        until("the answer", || world.texts(5) == ["one after 0"]).await;
        assert_eq!(world.asked().len(), 1);
        let tries = world.tries(5);
        assert!(tries.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(950)), "never in a loop");
    }
}
