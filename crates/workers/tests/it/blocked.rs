//! Chats that have blocked the bot or removed it from their group.

use reef_ports::WorkerHost;
use reef_store::on_both_databases;
use reef_workers::embedded::UpdateSource;

use crate::fake_server::{FakeServer, rejection, wait_until};
use crate::setup::{TOKEN, assistant, run, send_text, spec};

on_both_databases! {
    async fn blocked_chat_costs_no_model_call(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        world.hold_answer("one");
        send_text(host, 1, 5, "one").await;
        wait_until("the model thinks", || world.questions().len() == 1).await;
        for (update, text) in [(2, "two"), (3, "three"), (4, "four")] {
            send_text(host, update, 5, text).await;
        }
        world.reject_messages(5, [rejection(403, "Forbidden: bot was blocked by the user")]);
        world.release_answer("one");
        wait_until("the refusal", || world.attempts(5).len() == 1).await;
        for _ in 0..500 {
            if db.store.read().await.unwrap().count_open_bot_updates(assistant()).await.unwrap() == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        // The answer in another chat shows that this chat had time to be processed.
        send_text(host, 5, 6, "elsewhere").await;
        wait_until("the other chat's answer", || world.texts(6).len() == 1).await;
        assert_eq!(world.questions(), ["one", "elsewhere"]);
        assert_eq!(world.attempts(5).len(), 1, "a block is final");
        send_text(host, 6, 5, "I am back").await;
        wait_until("the answer", || world.texts(5).len() == 1).await;
        assert_eq!(world.questions(), ["one", "elsewhere", "I am back"]);
    }
}
