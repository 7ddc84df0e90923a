//! Talking to an assistant through the API.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::bot::active_bot;
use crate::customer::Customer;
use crate::support::{App, Database, activation, bot_token, eventually, merged};

/// The events of a stream, by name and data.
async fn stream(request: RequestBuilder) -> Vec<(String, Value)> {
    let answer = request.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let text = answer.text().await.unwrap();
    let field = |block: &str, name: &str| {
        block.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    let event =
        |block: &str| Some((field(block, "event:")?, serde_json::from_str(&field(block, "data:")?).unwrap()));
    text.split("\n\n").filter_map(event).collect()
}

fn message(me: &Customer<'_>, id: &str, body: &Value) -> RequestBuilder {
    me.request("POST", &format!("/api/v1/assistants/{id}/messages")).json(body)
}

#[tokio::test]
async fn conversation_remembers_and_is_nobodys_chat() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = App::start_on(database, &[]).await;
        let me = app.customer().await;
        let (id, bot) = active_bot(&me, &app, "managed").await;
        let path = format!("/{id}/messages");
        let first = me.ok("POST", &path, json!({"text": "my name is Grace"})).await;
        let conversation = &first["conversationId"];
        assert_eq!(first["tools"], json!([]));
        assert!(first["usage"]["costUsd"].as_str().unwrap().starts_with("0.000"), "{first}");
        let second =
            me.ok("POST", &path, json!({"text": "what is my name?", "conversationId": conversation})).await;
        assert!(second["text"].as_str().unwrap().contains("Grace"), "{second}");
        assert_eq!(&second["conversationId"], conversation);
        assert_ne!(second["messageId"], first["messageId"]);
        let other = me.ok("POST", &path, json!({"text": "what is my name?"})).await;
        assert!(!other["text"].as_str().unwrap().contains("Grace"), "{other}");

        assert!(bot.messages(1).await.is_empty());
        assert_eq!(me.get(&format!("/{id}/people")).await, json!([]));
        let usage = me.get(&format!("/{id}/usage?by=person")).await;
        assert_eq!((&usage["items"][0]["key"], &usage["items"][0]["turns"]), (&json!("api"), &json!(3)));
        let micros = |usd: &Value| usd.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
        let costs: i64 =
            [&first, &second, &other].iter().map(|answer| micros(&answer["usage"]["costUsd"])).sum();
        assert_eq!(micros(&usage["totals"]["costUsd"]), costs);
    }
}

#[tokio::test]
async fn stream_has_the_same_answer_piece_by_piece() {
    let app = App::start().await;
    let me = app.customer().await;
    let (id, _) = active_bot(&me, &app, "byok").await;
    let events = stream(message(&me, &id, &json!({"text": "Tell me something long."}))).await;
    let (last, deltas) = events.split_last().unwrap();
    assert_eq!(last.0, "message");
    assert!(deltas.len() > 1 && deltas.iter().all(|(name, _)| name == "delta"), "{events:?}");
    let written: String = deltas.iter().map(|(_, data)| data["text"].as_str().unwrap()).collect();
    assert_eq!(last.1["text"], written);
    let again = json!({"text": "what did I ask?", "conversationId": last.1["conversationId"]});
    me.ok("POST", &format!("/{id}/messages"), again).await;
}

#[tokio::test]
async fn conversation_answers_one_message_at_a_time() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = App::start_on(database, &[]).await;
        let me = app.customer().await;
        let (id, _) = active_bot(&me, &app, "byok").await;
        let path = format!("/{id}/messages");
        let first = me.ok("POST", &path, json!({"text": "hello"})).await;
        let conversation = first["conversationId"].clone();
        let slow = json!({"text": "slow please", "conversationId": conversation});
        let mut running =
            message(&me, &id, &slow).header("accept", "text/event-stream").send().await.unwrap();
        running.chunk().await.unwrap();
        let next = json!({"text": "hello", "conversationId": conversation});
        me.fails(409, "REQUEST_IN_PROGRESS", "POST", &path, next.clone()).await;
        let rest = running.text().await.unwrap();
        assert!(rest.contains("event: message"), "{rest}");
        me.ok("POST", &path, next).await;
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_with_a_reason() {
    let app = App::start().await;
    let me = app.customer().await;
    let (id, _) = active_bot(&me, &app, "byok").await;
    let path = format!("/{id}/messages");
    let hello = json!({"text": "hello"});
    for body in
        [json!({}), json!({"text": " "}), json!({"text": "x".repeat(8_001)}), json!({"text": "a", "b": 1})]
    {
        me.fails(400, "INVALID_REQUEST", "POST", &path, body).await;
    }
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    for conversation in [unknown, "x"] {
        let body = json!({"text": "hello", "conversationId": conversation});
        me.fails(404, "NOT_FOUND", "POST", &path, body).await;
    }

    let broke = me.purchased("byok").await;
    let body = merged(activation(&bot_token("ok")), json!({"modelApiKey": "sk-ant-broke-0123456789"}));
    me.ok("POST", &format!("/{broke}/activate"), body).await;
    me.wait_for_status(&broke, "active").await;
    let refused = me.fails(502, "MODEL_FAILED", "POST", &format!("/{broke}/messages"), hello.clone()).await;
    assert_eq!(refused["details"]["reason"], "no_credit");
    let events = stream(message(&me, &broke, &hello)).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!((events[0].0.as_str(), &events[0].1["error"]["code"]), ("error", &json!("MODEL_FAILED")));
    assert_eq!(me.get(&format!("/{broke}/usage")).await["items"], json!([]));
    eventually("the health of the model", async || {
        let health = me.get(&format!("/{broke}/health")).await;
        (health["legs"]["model"]["code"] == "no_credit").then_some(())
    })
    .await;

    me.ok("POST", &format!("/{id}/stop"), Value::Null).await;
    let refused = me.fails(409, "INVALID_STATE", "POST", &path, hello).await;
    assert_eq!(refused["details"]["currentStatus"], "stopped");
}

#[tokio::test]
async fn spent_allowance_refuses_messages() {
    let app = App::start().await;
    let me = app.customer().await;
    let (id, _) = active_bot(&me, &app, "managed").await;
    me.ok("PATCH", &format!("/{id}/settings"), json!({"allowance": {"perMonthUsd": "0.01"}})).await;
    let path = format!("/{id}/messages");
    let refused = eventually("a spent allowance", async || {
        let answer = me.send("POST", &path, json!({"text": "Tell me something long."})).await;
        (answer.status != 200).then_some(answer)
    })
    .await
    .error(409, "INVALID_STATE");
    assert_eq!(refused["details"]["reason"], "allowance_reached");
}

#[tokio::test]
async fn repeated_request_is_answered_once() {
    let app = App::start().await;
    let me = app.customer().await;
    let (id, _) = active_bot(&me, &app, "byok").await;
    let send = async || {
        let request = message(&me, &id, &json!({"text": "hello"})).header("idempotency-key", "once");
        request.header("accept", "text/event-stream").send().await.unwrap().json::<Value>().await.unwrap()
    };
    let first = send().await;
    assert_eq!(send().await, first);
    assert_eq!(me.get(&format!("/{id}/usage")).await["totals"]["turns"], 1);
}
