//! A flood wait survives the end of the process, whether it was killed or stopped.

use std::time::Duration;

use reef_domain::Timestamp;
use serde_json::{Value, json};

use crate::process::{Installation, Process};
use crate::support::{activation, bot_token, eventually};

const WAIT: Duration = Duration::from_secs(4);
/// Longer than a graceful stop waits for turns, because a process that waits in memory would otherwise pass the test.
const LONG_WAIT: Duration = Duration::from_secs(14);

/// The times at which messages were sent, each with the status of the response.
async fn sent_messages(process: &Process) -> Vec<(Timestamp, u64)> {
    let url = format!("{}/sandbox/requests?vendor=telegram", process.base);
    let calls: Value = process.http.get(url).send().await.unwrap().json().await.unwrap();
    let mut sends: Vec<_> = calls["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|call| call["path"].as_str().unwrap().ends_with("/sendMessage"))
        .filter_map(|call| Some((Timestamp::parse(call["at"].as_str()?)?, call["status"].as_u64()?)))
        .collect();
    sends.sort();
    sends
}

/// Makes Telegram answer with a flood wait, ends and restarts the process, and checks when it sends the next message.
async fn check_wait_survives(wait: Duration, end: impl Fn(&mut Process)) {
    let installation = Installation::new(&[]);
    let key = installation.customer();
    let mut process = installation.serve().await;
    let client = process.client(&key);
    let bought = client.send("POST", "/purchase", json!({"apiMode": "byok"})).await.data(201);
    let path = format!("/{}", bought["deploymentId"].as_str().unwrap());
    let pay = format!("{}/pay", bought["checkoutUrl"].as_str().unwrap());
    assert_eq!(process.http.post(pay).send().await.unwrap().status(), 303);
    let status = async |expected: &str| {
        eventually(expected, async || (client.get(&path).await["status"] == expected).then_some(())).await;
    };
    status("purchased").await;
    let token = bot_token("ok");
    client.ok("POST", &format!("{path}/activate"), activation(&token)).await;
    status("active").await;
    let flood = json!([{"path": "*/sendMessage", "status": 429, "body": {"ok": false, "error_code": 429,
        "description": format!("Too Many Requests: retry after {}", wait.as_secs()),
        "parameters": {"retry_after": wait.as_secs()}}}]);
    process.http.put(format!("{}/sandbox/faults", process.base)).json(&flood).send().await.unwrap();
    let chat =
        format!("{}/sandbox/telegram/bots/{}/messages", process.base, token.split(':').next().unwrap());
    process.http.post(&chat).json(&json!({"chatId": 1, "text": "hello"})).send().await.unwrap();
    eventually("the refusal", async || sent_messages(&process).await.last().map(|_| ())).await;
    // The process needs a moment to store the flood wait.
    tokio::time::sleep(Duration::from_millis(300)).await;
    end(&mut process);
    drop(process);

    let process = installation.serve().await;
    eventually("the answer", async || (sent_messages(&process).await.len() == 2).then_some(())).await;
    let sends = sent_messages(&process).await;
    assert_eq!((sends[0].1, sends[1].1), (429, 200));
    let waited = sends[1].0.since(sends[0].0);
    assert!(waited >= wait, "the next message came after {waited:?}");
}

#[tokio::test]
async fn flood_wait_survives_kill() {
    check_wait_survives(WAIT, Process::kill).await;
}

#[tokio::test]
async fn flood_wait_survives_graceful_stop() {
    check_wait_survives(LONG_WAIT, |process| {
        let (code, _) = process.terminate();
        assert_eq!(code, Some(0));
    })
    .await;
}
