//! A turn that is killed after any call and run again sends the whole reply, and does not ask the model for an answer
//! that it has saved.

use crate::fake::{FakeHost, answer, text_update};

/// For each call of a turn, kills a turn after that call, runs it again, and passes the host to `judge` with a label
/// for the call. Returns the number of calls.
async fn kill_at_every_call(text: &str, reply: &str, check: impl Fn(&FakeHost, &str)) -> usize {
    for point in 1.. {
        let host = FakeHost::new().with_model_responses([answer(reply), answer(reply)]);
        host.turn(&text_update(1, "/start")).await.unwrap();
        let ended = host.killed_turn(&text_update(2, text), point).await;
        if ended {
            return point - 1;
        }
        host.turn(&text_update(2, text)).await.unwrap();
        host.turn(&text_update(2, text)).await.unwrap();
        check(&host, &format!("killed after call {point}"));
    }
    unreachable!("a turn ends")
}

#[tokio::test(start_paused = true)]
async fn killed_turn_sends_all_parts() {
    let paragraphs: Vec<_> = ["a", "b", "c"].map(|letter| letter.repeat(3_000)).into();
    let points = kill_at_every_call("long", &paragraphs.join("\n\n"), |host, point| {
        let mut sent = host.sent().split_off(1);
        let all = sent.len();
        // Only the part that Telegram accepted right before the kill is sent twice, and the order is kept.
        sent.dedup();
        assert_eq!(sent, paragraphs, "{point}");
        assert!(all <= paragraphs.len() + 1, "{point}");
        assert_eq!(host.conversation(7).len(), 2, "{point}");
        assert!(host.calls("model").len() <= 2, "{point}");
    })
    .await;
    // The calls are: find the reply, admit, list turns, list facts, find the summary, typing, model, save the reply, and for each part send and record.
    assert_eq!(points, 8 + 2 * paragraphs.len());
}

#[tokio::test(start_paused = true)]
async fn killed_turn_does_not_request_saved_answer() {
    for point in 1..=10 {
        let host = FakeHost::new();
        host.killed_turn(&text_update(1, "hi"), point).await;
        host.turn(&text_update(1, "hi")).await.unwrap();
        // The seventh call asks the model, and the eighth saves its answer.
        let asked = host.calls("model").len();
        assert!(if point >= 8 { asked == 1 } else { asked <= 2 }, "killed after call {point}: {asked}");
        let twice = usize::from(point == 9);
        assert_eq!(host.sent().len(), 1 + twice, "killed after call {point}");
    }
}

#[tokio::test(start_paused = true)]
async fn killed_command_runs_once() {
    let points = kill_at_every_call("/reset", "unused", |host, point| {
        let mut sent = host.sent().split_off(1);
        sent.dedup();
        assert_eq!(sent.len(), 1, "{point}");
        assert!(host.calls("model").is_empty(), "{point}");
    })
    .await;
    assert_eq!(points, 5);
}
