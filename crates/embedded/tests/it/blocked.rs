//! Chats that have blocked the bot or removed it from their group.

use reef_embedded::Delivery;
use reef_service::ports::WorkerHost;
use reef_store::on_both_databases;

use crate::rig::{TOKEN, assistant, run, spec, tell};
use crate::world::{World, refusal, until};

on_both_databases! {
    async fn blocked_chat_costs_no_model_call_until_the_person_writes_again(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        world.stick("one");
        tell(host, 1, 5, "one").await;
        until("the model thinks", || world.asked().len() == 1).await;
        for (update, text) in [(2, "two"), (3, "three"), (4, "four")] {
            tell(host, update, 5, text).await;
        }
        world.refuse(5, [refusal(403, "Forbidden: bot was blocked by the user")]);
        world.unstick("one");
        until("the refusal", || world.tries(5).len() == 1).await;
        for _ in 0..500 {
            if db.store.read().await.unwrap().count_open_updates(assistant()).await.unwrap() == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        // The answer in another chat shows that this chat had time to be processed.
        tell(host, 5, 6, "elsewhere").await;
        until("the other chat's answer", || world.texts(6).len() == 1).await;
        assert_eq!(world.asked(), ["one", "elsewhere"]);
        assert_eq!(world.tries(5).len(), 1, "a block is final");
        tell(host, 6, 5, "I am back").await;
        until("the answer", || world.texts(5).len() == 1).await;
        assert_eq!(world.asked(), ["one", "elsewhere", "I am back"]);
    }
}
