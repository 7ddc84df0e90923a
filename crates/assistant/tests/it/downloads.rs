//! Files of every size, and downloads that fail.

use reef_assistant::TurnOutcome;
use reef_protocols::HttpError;
use reef_protocols::telegram::Update;
use serde_json::{Value, json};

use crate::fake::{FakeHost, fail, message_update, respond};

/// The largest file that bots can download.
const MAX: usize = 20 * 1024 * 1024;

fn text_file(fields: Value) -> Update {
    let mut file = json!({"file_id": "notes.txt", "file_name": "notes.txt", "mime_type": "text/plain"});
    file.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    message_update(1, json!({"document": file, "caption": "what is this?"}))
}

/// The only reply of a turn that has not asked the model.
async fn sentence(host: &FakeHost, update: &Update) -> String {
    assert_eq!(host.turn(update).await, Ok(TurnOutcome::Answered { model_error: None }));
    assert!(host.calls("model").is_empty());
    host.sent().pop().unwrap()
}

#[tokio::test(start_paused = true)]
async fn empty_file_is_said_to_be_empty() {
    let host = FakeHost::new().with_file("notes.txt", b"");
    assert!(sentence(&host, &text_file(json!({"file_size": 0}))).await.contains("is empty"));
}

#[tokio::test(start_paused = true)]
async fn largest_file_is_read_in_part() {
    let host = FakeHost::new().with_file("notes.txt", &vec![b'x'; MAX]);
    host.turn(&text_file(json!({"file_size": MAX}))).await.unwrap();
    let asked = host.calls("model")[0].body.to_string();
    assert!(asked.contains("(the beginning)") && asked.len() < 40_000, "{}", asked.len());
}

#[tokio::test(start_paused = true)]
async fn larger_file_is_refused_without_a_download() {
    let host = FakeHost::new();
    let said = sentence(&host, &text_file(json!({"file_size": 25 * 1024 * 1024}))).await;
    assert!(said.contains("too large") && said.contains("20 MB"), "{said}");
    assert!(host.calls("getFile").is_empty());
}

#[tokio::test(start_paused = true)]
async fn file_that_is_larger_than_declared_is_refused() {
    let host = FakeHost::new().with_download("notes.txt", fail(HttpError::TooLarge));
    let said = sentence(&host, &text_file(json!({"file_size": 9}))).await;
    assert!(said.contains("too large"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn broken_and_slow_downloads_are_repeated() {
    for error in [HttpError::Connect, HttpError::Timeout] {
        let slow = fail(error).after_s(60);
        let host = FakeHost::new()
            .with_download("notes.txt", slow)
            .with_download("notes.txt", respond(502, json!({})))
            .with_file("notes.txt", b"milk, eggs");
        let update = text_file(json!({"file_size": 10}));
        for _ in 0..2 {
            let failed = host.turn(&update).await.unwrap_err();
            assert!(failed.is_retryable(), "{failed}");
            assert!(host.sent().is_empty() && host.calls("model").is_empty());
        }
        host.turn(&update).await.unwrap();
        assert_eq!(host.sent().len(), 1);
        assert!(host.calls("model")[0].body.to_string().contains("milk, eggs"));
    }
}

#[tokio::test(start_paused = true)]
async fn file_that_is_gone_is_asked_for_again() {
    let host = FakeHost::new().with_download("notes.txt", respond(404, json!({})));
    let said = sentence(&host, &text_file(json!({"file_size": 10}))).await;
    assert!(said.contains("couldn't download"), "{said}");
}
