//! Messages that waited during an outage.

use reef_assistant::Verdict;
use reef_domain::settings::Settings;
use reef_protocols::telegram::Update;
use serde_json::{Value, json};

use crate::fake::{FakeHost, message_update};

/// When the turns of these tests run.
const NOW_S: i64 = 1_795_392_000;

fn sent_ago(update_id: i64, seconds: i64, fields: Value) -> Update {
    let mut message = json!({"date": NOW_S - seconds});
    message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    message_update(update_id, message)
}

fn question(host: &FakeHost) -> Value {
    let asked = host.calls("model");
    assert_eq!(asked.len(), 1);
    asked[0].body["messages"].as_array().unwrap().last().unwrap()["content"].clone()
}

#[tokio::test(start_paused = true)]
async fn what_piled_up_is_one_question_with_times() {
    let first = sent_ago(1, 3 * 3600, json!({"text": "are you there?"}));
    let host = FakeHost::new().with_waiting([
        first.clone(),
        sent_ago(2, 3600, json!({"text": "hello?"})),
        sent_ago(3, 10, json!({"text": "please answer"})),
    ]);
    host.turn(&first).await.unwrap();
    assert_eq!(
        question(&host),
        "(sent 3 hours ago, at 21:00) are you there?\n(sent 1 hour ago, at 23:00) hello?\nplease answer"
    );
    assert_eq!(host.covered_updates(1), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn time_is_that_of_the_assistant() {
    let first = sent_ago(1, 6 * 60, json!({"text": "hi"}));
    let behavior = Settings { time_zone: "Europe/Berlin".to_owned(), ..Settings::default() };
    let host = FakeHost::new().with_admission(behavior, Verdict::Allowed);
    host.turn(&first).await.unwrap();
    assert_eq!(question(&host), "(sent 6 minutes ago, at 00:54) hi");
}

#[tokio::test(start_paused = true)]
async fn command_and_what_follows_it_are_answered_apart() {
    let first = sent_ago(1, 3_600, json!({"text": "a"}));
    let reset = json!({"text": "/reset", "entities": [{"type": "bot_command", "offset": 0, "length": 6}]});
    let host = FakeHost::new().with_waiting([
        sent_ago(2, 3_500, json!({"text": "b"})),
        sent_ago(3, 3_400, reset),
        sent_ago(4, 3_300, json!({"text": "c"})),
    ]);
    host.turn(&first).await.unwrap();
    assert_eq!(host.covered_updates(1), [2]);
}

#[tokio::test(start_paused = true)]
async fn in_groups_only_addressed_messages_of_the_same_person_count() {
    let group = |update_id, text: &str, from: i64| {
        let entities = json!([{"type": "mention", "offset": 0, "length": 8}]);
        let entities = if text.starts_with('@') { entities } else { json!([]) };
        sent_ago(
            update_id,
            3_600,
            json!({
                "chat": {"id": -5, "type": "supergroup", "title": "Team"}, "text": text, "entities": entities,
                "from": {"id": from, "is_bot": false, "first_name": format!("P{from}")},
            }),
        )
    };
    let first = group(1, "@ada_bot one", 1);
    let host = FakeHost::new().with_waiting([
        group(2, "@ada_bot other", 2),
        group(3, "just talking", 1),
        group(4, "@ada_bot two", 1),
    ]);
    host.turn(&first).await.unwrap();
    assert_eq!(host.covered_updates(1), [4]);
    let asked = question(&host);
    let at = "(sent 1 hour ago, at 23:00)";
    assert_eq!(asked, format!("P1: {at} @ada_bot one\n{at} @ada_bot two"));
}

#[tokio::test(start_paused = true)]
async fn messages_on_time_and_impossible_dates_have_no_mark() {
    for seconds in [0, 200, -3_600, 72 * 3600, NOW_S] {
        let update = sent_ago(1, seconds, json!({"text": "hi"}));
        let host = FakeHost::new().with_waiting([sent_ago(2, seconds, json!({"text": "more"}))]);
        host.turn(&update).await.unwrap();
        assert_eq!(question(&host), "hi", "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn unreadable_file_does_not_hide_the_other_messages() {
    let first = sent_ago(1, 3_600, json!({"text": "see the file"}));
    let huge = json!({"document": {"file_id": "f", "file_name": "x.txt", "mime_type": "text/plain", "file_size": 99_000_000}});
    let host = FakeHost::new().with_waiting([sent_ago(2, 3_600, huge)]);
    host.turn(&first).await.unwrap();
    let asked = question(&host);
    let asked = asked.as_str().unwrap();
    assert!(asked.contains("see the file") && asked.ends_with("x.txt] [could not be read]"), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn question_has_a_limit() {
    let first = sent_ago(1, 3_600, json!({"text": "1"}));
    let host = FakeHost::new()
        .with_waiting((2..60).map(|update_id| sent_ago(update_id, 3_600, json!({"text": "more"}))));
    host.turn(&first).await.unwrap();
    assert_eq!(host.covered_updates(1).len(), 19);
}
