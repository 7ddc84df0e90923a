//! What assistants use and cost, and what happens when an allowance is spent.

use serde_json::{Value, json};

use crate::bot::{Bot, active_bot};
use crate::support::{App, Database, eventually};

/// What the sandbox's OpenRouter asks for a token, in millionths of a dollar.
const PROMPT_MICRO_USD: i64 = 3;
const COMPLETION_MICRO_USD: i64 = 15;

fn micros(usd: &Value) -> i64 {
    usd.as_str().unwrap().replace('.', "").parse().unwrap()
}

/// Asks a question, and waits for the answer.
async fn ask(bot: &Bot<'_>, number: usize, text: &str) -> String {
    bot.say(1, text).await;
    bot.wait_for_message(1, number).await["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn usage_is_counted_by_day_model_and_person() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = App::start_on(database, &[]).await;
        let me = app.customer().await;
        let (id, bot) = active_bot(&me, &app, "managed").await;
        let empty = me.get(&format!("/{id}/usage")).await;
        assert_eq!(empty["items"], json!([]));
        assert_eq!(
            empty["totals"],
            json!({"turns": 0, "inputTokens": 0, "outputTokens": 0, "costUsd": null})
        );
        assert_eq!(empty["allowance"]["spentTodayUsd"], "0.000000");

        for number in 1..=3 {
            ask(&bot, number, "hello").await;
        }
        ask(&bot, 4, "/help").await;
        let by_day = me.get(&format!("/{id}/usage")).await;
        let totals = &by_day["totals"];
        assert_eq!(totals["turns"], 3, "{by_day}");
        let tokens = |name: &str| totals[name].as_i64().unwrap();
        assert!(tokens("inputTokens") > 3 && tokens("outputTokens") > 3, "{by_day}");
        let cost = tokens("inputTokens") * PROMPT_MICRO_USD + tokens("outputTokens") * COMPLETION_MICRO_USD;
        assert_eq!(micros(&totals["costUsd"]), cost);
        assert_eq!(micros(&by_day["allowance"]["spentThisMonthUsd"]), cost);
        assert!(micros(&by_day["forecastMonthUsd"]) >= cost);
        assert_eq!(by_day["items"].as_array().unwrap().len(), 1);
        assert_eq!(by_day["items"][0]["costUsd"], totals["costUsd"]);

        let by_person = me.get(&format!("/{id}/usage?by=person")).await;
        let person = me.get(&format!("/{id}/people")).await[0]["id"].clone();
        assert_eq!((&by_person["items"][0]["key"], &by_person["totals"]), (&person, totals));
        let by_model = me.get(&format!("/{id}/usage?by=model")).await;
        assert_eq!(by_model["items"][0]["key"], "anthropic/claude-sonnet-4.5", "{by_model}");

        let past = me.get(&format!("/{id}/usage?from=2020-01-01&to=2020-12-31")).await;
        assert_eq!(past["items"], json!([]));
        let reversed = me.get(&format!("/{id}/usage?from=9999-12-31&to=0001-01-01")).await;
        assert_eq!(reversed["items"], json!([]));
        let all = me.get(&format!("/{id}/usage?from=0001-01-01&to=9999-12-31")).await;
        assert_eq!(&all["totals"], totals);
        for query in ["by=week", "from=x", "to=2026-02-30", "by=day&by=day"] {
            me.fails(400, "INVALID_REQUEST", "GET", &format!("/{id}/usage?{query}"), Value::Null).await;
        }
    }
}

#[tokio::test]
async fn day_is_that_of_the_time_zone() {
    let app = App::start_on(Database::Sqlite, &[]).await;
    let me = app.customer().await;
    let (id, bot) = active_bot(&me, &app, "byok").await;
    ask(&bot, 1, "hello").await;
    let mut days = Vec::new();
    // The two zones are 25 hours apart, so that it is never the same day in both.
    for zone in ["Pacific/Kiritimati", "Pacific/Niue"] {
        me.ok("PATCH", &format!("/{id}/settings"), json!({"timeZone": zone})).await;
        let usage = me.get(&format!("/{id}/usage")).await;
        days.push(usage["items"][0]["key"].as_str().unwrap().to_owned());
    }
    assert!(days[0] > days[1], "{days:?}");
}

#[tokio::test]
async fn allowance_stops_the_assistant_and_is_announced() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = App::start_on(database, &[]).await;
        let me = app.customer().await;
        let (id, bot) = active_bot(&me, &app, "managed").await;
        me.ok("PATCH", &format!("/{id}/settings"), json!({"allowance": {"perDayUsd": "0.01"}})).await;
        let mut answers = 0;
        let refusal = loop {
            answers += 1;
            let answer = ask(&bot, answers, "Tell me something long.").await;
            if answer.contains("spending limit") {
                break answer;
            }
            assert!(answers < 100, "the allowance is never reached");
        };
        assert!(refusal.contains("I'll be back on"), "{refusal}");
        let usage = me.get(&format!("/{id}/usage")).await;
        let (spent, turns) =
            (micros(&usage["allowance"]["spentTodayUsd"]), usage["totals"]["turns"].as_i64().unwrap());
        assert_eq!(turns, i64::try_from(answers).unwrap() - 1);
        // The last turn may exceed the limit, and no other.
        assert!(spent >= 10_000 && spent - spent / turns < 10_000, "{usage}");

        let shares = eventually("both callbacks", async || {
            let url = app.url(&format!("/sandbox/callbacks/{id}?format=json"));
            let list: Value = app.http.get(url).send().await.unwrap().json().await.unwrap();
            let bodies: Vec<Value> = list["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|call| call["body"].clone())
                .filter(|body: &Value| body["type"] == "assistant.allowance_reached")
                .collect();
            (bodies.len() == 2).then_some(bodies)
        })
        .await;
        let mut found: Vec<_> = shares.iter().map(|body| body["data"]["share"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, ["0.8", "1"]);
        for body in &shares {
            let data = &body["data"];
            assert_eq!(
                (&data["id"], &data["period"], &data["limitUsd"]),
                (&json!(id), &json!("day"), &json!("0.01"))
            );
            assert!(data["sequence"].is_i64() && micros(&data["spentUsd"]) >= 8_000, "{body}");
        }

        me.ok("PATCH", &format!("/{id}/settings"), json!({"allowance": {"perDayUsd": ""}})).await;
        let answer = ask(&bot, answers + 1, "hello").await;
        assert!(!answer.contains("spending limit"), "{answer}");
    }
}
