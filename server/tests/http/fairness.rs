//! Limits per account, so that one account cannot delay others.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::header::{ACCEPT, COOKIE};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::callbacks::Receiver;
use crate::client::{ASSISTANTS, ApiResponse};
use crate::sessions::session_cookie;
use crate::support::{App, Database, activation, bot_token, merged};

/// The limit of open streams and waiting requests per account.
const STREAMS: usize = 256;

#[tokio::test(flavor = "multi_thread")]
async fn streams_per_account_are_limited() {
    let app = App::start().await;
    let (me, other) = (app.customer().await, app.customer().await);
    let (mine, foreign) = (me.purchase("byok").await.0, other.purchase("byok").await.0);
    let cookie = session_cookie(&app, me.user).await;
    // The limit holds for all keys of the account together.
    let (second, _) = app.key(me.user, "read", None).await;
    let opened = join_all((0..STREAMS).map(|number| {
        let client = if number % 2 == 0 { &me.client } else { &second };
        let path = format!("{ASSISTANTS}/{mine}/events");
        client.request("GET", &path).header(ACCEPT, "text/event-stream").send()
    }))
    .await;
    let opened: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
    assert!(opened.iter().all(|stream| stream.status() == 200));
    let stream = |path: String| me.request("GET", &path).header(ACCEPT, "text/event-stream");
    for request in [
        stream(format!("{ASSISTANTS}/{mine}/events")),
        me.request("GET", &format!("{ASSISTANTS}/{mine}/status?wait=30")),
    ] {
        let answer = ApiResponse::send(request).await;
        answer.error(429, "RATE_LIMITED");
        assert!(answer.header("retry-after").is_some());
    }
    for path in ["/live/assistants".to_owned(), format!("/live/assistants/{mine}")] {
        let live = app.http.get(app.url(&path)).header(COOKIE, &cookie).send().await.unwrap();
        assert_eq!(live.status(), 429);
        let error: Value = live.json().await.unwrap();
        assert_eq!(error["error"]["code"], "RATE_LIMITED");
    }
    // Requests that do not wait are answered, and other accounts are not affected.
    assert_eq!(me.get(&format!("/{mine}/status")).await["id"], mine);
    let path = format!("{ASSISTANTS}/{foreign}/events");
    let foreign = other.request("GET", &path).header(ACCEPT, "text/event-stream").send().await.unwrap();
    assert_eq!(foreign.status(), 200);
    // Closing a stream releases its permit.
    drop(opened);
    crate::support::eventually("a place", async || {
        let again = stream(format!("{ASSISTANTS}/{mine}/events")).send().await.unwrap();
        (again.status() == 200).then_some(())
    })
    .await;
}

/// Starts a server that reads requests and never answers, and returns its URL.
async fn start_silent_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut taken = [0; 1024];
                while stream.read(&mut taken).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    format!("http://{address}")
}

async fn check_callbacks_of_other_accounts(database: Database) {
    let (receiver, hooks) = Receiver::start(&[]).await;
    let overrides = format!("{hooks},silent.test={}", start_silent_server().await);
    let app = App::start_on(database, &[("CALLBACK_OVERRIDES", &overrides)]).await;
    let (greedy, other) = (app.customer().await, app.customer().await);
    let activated = async |me: &crate::customer::Customer<'_>, url: &str| {
        let id = me.purchased("byok").await;
        let body = merged(activation(&bot_token("ok")), json!({"callbackUrl": url}));
        me.ok("POST", &format!("/{id}/activate"), body).await;
        me.wait_for_status(&id, "active").await;
        id
    };
    let flooded = activated(&greedy, "https://silent.test/x").await;
    let test = format!("{ASSISTANTS}/{flooded}/callbacks/test");
    let mut answers = Vec::new();
    for _ in 0..60 {
        answers.push(ApiResponse::send(greedy.request("POST", &test)).await.status);
    }
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 30, "{answers:?}");
    assert!(answers[30..].iter().all(|status| *status == 429));
    // Resending counts toward the same limit.
    let log = greedy.get(&format!("/{flooded}/callbacks")).await;
    let first = log[0]["id"].as_str().unwrap();
    greedy
        .fails(429, "RATE_LIMITED", "POST", &format!("/{flooded}/callbacks/{first}/redeliver"), Value::Null)
        .await;
    let started = Instant::now();
    let id = activated(&other, "https://hooks.test/in").await;
    other.ok("POST", &format!("/{id}/callbacks/test"), Value::Null).await;
    receiver.bodies(3).await;
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    // The callbacks of the flooding account wait for one another.
    let log = greedy.get(&format!("/{flooded}/callbacks")).await;
    assert!(log.as_array().unwrap().iter().all(|callback| callback["state"] == "pending"));
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_callbacks_do_not_delay_other_accounts_on_sqlite() {
    check_callbacks_of_other_accounts(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_callbacks_do_not_delay_other_accounts_on_postgres() {
    check_callbacks_of_other_accounts(Database::Postgres).await;
}
