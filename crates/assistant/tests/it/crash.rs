//! A turn that is killed after any call and run again sends the whole reply, and does not ask the model for an answer
//! that it has saved.

use reef_assistant::Verdict;
use reef_domain::settings::Settings as Behavior;

use crate::fake::{FakeHost, answer, streamed, text_update};
use crate::streaming::group_update;

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

/// In a group, an answer is a message that is edited. Whatever the moment of the kill, the chat ends with the whole answer, once.
#[tokio::test(start_paused = true)]
async fn killed_turn_in_group_leaves_one_whole_answer() {
    for (pieces, length) in [(12, 1), (60, 20)] {
        let words: Vec<String> = (0..pieces).map(|number| format!("w{number} ").repeat(length)).collect();
        let stream = || streamed(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let whole = words.concat();
        let mut orphans = 0;
        for point in 1.. {
            let host = FakeHost::new().with_model_responses([stream(), stream()]).with_piece_delay_ms(40);
            let update = group_update(2, -100);
            let ended = host.killed_turn(&update, point).await;
            let last = host.all_calls().last().map(|call| call.method.clone());
            let killed_in = host.chat().len();
            host.turn(&update).await.unwrap();
            host.turn(&update).await.unwrap();
            let mut chat = host.chat();
            let recorded = host.recorded_messages();
            if !ended && recorded < killed_in {
                // Killed between Telegram's acceptance and the record: the one message that nothing knows.
                assert_eq!(last.as_deref(), Some("sendMessage"), "killed after call {point}");
                let orphan = chat.remove(killed_in - 1);
                assert!(whole.contains(&orphan.text));
                orphans += 1;
            }
            let shown: Vec<_> = chat.iter().map(|message| message.text.as_str()).collect();
            assert_eq!(shown.join(" "), whole.trim(), "killed after call {point}");
            assert_eq!(host.conversation(-100).len(), 2, "killed after call {point}");
            if ended {
                break;
            }
        }
        // One for each message that is sent: the first, and those that continue it.
        assert_eq!(orphans, if length == 1 { 1 } else { 2 });
    }
}

#[tokio::test(start_paused = true)]
async fn preview_that_was_deleted_after_a_kill_is_replaced() {
    let stream = || streamed(&["It begins ", "and goes on ", "and on."]);
    let host = FakeHost::new().with_model_responses([stream(), stream()]).with_piece_delay_ms(40);
    let update = group_update(2, -100);
    assert!(!host.killed_turn(&update, 10).await);
    host.delete_message(host.chat()[0].id);
    host.turn(&update).await.unwrap();
    let chat = host.chat();
    assert_eq!((chat.len(), chat[0].text.as_str()), (1, "It begins and goes on and on."));
}

/// What a stopped turn has shown becomes the refusal, or is deleted, if the person may not talk to the assistant anymore.
#[tokio::test(start_paused = true)]
async fn preview_does_not_outlive_permission() {
    let refused = Verdict::Refused { request: None, can_be_approved: true };
    for (verdict, left) in [(Verdict::Silent, 0), (refused, 1)] {
        let stream = streamed(&["It begins ", "and goes on ", "and on."]);
        let host = FakeHost::new().with_model_responses([stream]).with_piece_delay_ms(40);
        let update = group_update(2, -100);
        // The calls are: find the reply, admit, list turns, list facts, find the summary, find the preview, typing, model, send,
        // record.
        assert!(!host.killed_turn(&update, 10).await);
        assert_eq!(host.chat().len(), 1);
        let host = host.with_admission(Behavior::default(), verdict);
        host.turn(&update).await.unwrap();
        let chat = host.chat();
        assert_eq!(chat.len(), left);
        assert!(chat.iter().all(|message| !message.text.contains("It begins")), "{chat:?}");
    }
}
