//! An album is one message to people, and one update per picture to bots.

use std::time::Duration;

use reef_ports::WorkerHost;
use reef_store::on_both_databases;
use reef_workers::embedded::UpdateSource;
use serde_json::{Value, json};

use crate::fake_server::{FakeServer, wait_until};
use crate::setup::{TOKEN, message_update, run, send_text, send_update, spec};

fn picture(update_id: i64, album: &str, caption: Option<&str>) -> Value {
    let mut fields = json!({"photo": [{"file_id": "f"}], "media_group_id": album});
    if let Some(caption) = caption {
        fields["caption"] = json!(caption);
    }
    message_update(update_id, &json!({"id": 5, "type": "private"}), &fields)
}

on_both_databases! {
    async fn album_without_caption_is_answered_once(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        send_update(&running.host, &picture(1, "a", None)).await;
        send_update(&running.host, &picture(2, "a", None)).await;
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        // A part that arrives later makes the album wait again.
        send_update(&running.host, &picture(3, "a", None)).await;
        wait_until("the answer", || world.texts(5).len() == 1).await;
        send_text(&running.host, 4, 5, "still there?").await;
        wait_until("the next answer", || world.texts(5).len() == 2).await;
        assert!(world.texts(5)[1].starts_with("still there?"), "{:?}", world.texts(5));
        assert!(world.questions().len() == 1);
    }

    async fn album_with_caption_is_answered_once(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        for captioned in 0..3 {
            let first = captioned * 10 + 1;
            for part in 0..3 {
                let caption = (part == captioned).then_some("what is this?");
                send_update(&running.host, &picture(first + part, &format!("album {captioned}"), caption)).await;
            }
            let answers = usize::try_from(captioned).unwrap() + 1;
            wait_until("the answer", || world.texts(5).len() >= answers).await;
            tokio::time::sleep(Duration::from_millis(1_800)).await;
            assert_eq!(world.texts(5).len(), answers, "{:?}", world.texts(5));
        }
        // The model of the test takes no pictures.
        assert!(world.texts(5).iter().all(|text| text.starts_with("I can't open this photo")));
        assert!(world.questions().is_empty());
    }
}
