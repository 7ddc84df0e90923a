//! Limits by API key, by account, by address and for the whole process.

use futures::future::join_all;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{ASSISTANTS, ApiResponse, Body};
use crate::support::{App, eventually};

fn seconds(answer: &ApiResponse, name: &str) -> u64 {
    answer
        .header(name)
        .unwrap_or_else(|| panic!("no {name}: {answer:?}"))
        .parse()
        .expect("the header is not a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_keys_are_limited_by_address() {
    let app = App::start_with(&[("AUTH_FAILURES_PER_MINUTE", "5")]).await;
    let user = app.user().await;
    let (good, _) = app.key(user, "read", None).await;
    let wrong = app.anonymous().with_key("nonsense");
    for _ in 0..5 {
        wrong.fails(401, "UNAUTHORIZED", "GET", "", Value::Null).await;
    }
    for (method, path) in [("GET", ASSISTANTS), ("POST", "/api/v1/assistants/purchase")] {
        let answer = wrong.call(method, path, Body::None).await;
        answer.error(429, "RATE_LIMITED");
        assert!((1..=60).contains(&seconds(&answer, "retry-after")));
    }
    // A revoked key counts as invalid; a valid key from the same address still works.
    app.revoked_client(user).await.fails(429, "RATE_LIMITED", "GET", "", Value::Null).await;
    assert_eq!(good.get("").await, json!([]));
    // A request without a key is not counted.
    app.anonymous().fails(401, "UNAUTHORIZED", "GET", "", Value::Null).await;
    // `X-Forwarded-For` of an untrusted client is ignored.
    let elsewhere = wrong.request("GET", ASSISTANTS).header("X-Forwarded-For", "203.0.113.7");
    ApiResponse::send(elsewhere).await.error(429, "RATE_LIMITED");
}

#[tokio::test(flavor = "multi_thread")]
async fn trusted_proxy_determines_client_address() {
    let app = App::start_with(&[("AUTH_FAILURES_PER_MINUTE", "1"), ("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let wrong = app.anonymous().with_key("nonsense");
    let from = async |forwarded: &str| {
        let request = wrong.request("GET", ASSISTANTS).header("X-Forwarded-For", forwarded);
        ApiResponse::send(request).await.status
    };
    assert_eq!((from("203.0.113.7").await, from("203.0.113.7").await), (401, 429));
    assert_eq!(from("6.6.6.6, 203.0.113.7").await, 429);
    assert_eq!(
        (from("203.0.113.8").await, from("2001:db8::1").await, from("2001:db8::2").await),
        (401, 401, 429)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_have_rate_limit_headers() {
    let app = App::start_with(&[("RATE_LIMIT_PER_MINUTE", "1000")]).await;
    let me = app.customer().await;
    let id = me.in_status("stopped").await;
    let one = format!("{ASSISTANTS}/{id}");
    let tag = me.call("GET", &one, Body::None).await.header("etag").unwrap().to_owned();
    let (reader, _) = app.key(me.user, "read", None).await;
    let requests = [
        (304, me.request("GET", &one).header("If-None-Match", tag)),
        (200, me.request("GET", &format!("{one}/events")).header("Accept", "text/event-stream")),
        (200, me.request("HEAD", &one)),
        (400, me.request("POST", "/api/v1/assistants/purchase")),
        (404, me.request("GET", "/api/v1/assistants/nonsense")),
        (409, me.request("POST", &format!("{one}/activate")).json(&crate::support::activation("1:x"))),
        (403, reader.request("DELETE", &one)),
        (413, me.request("POST", "/api/v1/assistants/purchase").body(" ".repeat(70_000))),
        (
            201,
            me.request("POST", "/api/v1/assistants/purchase")
                .header("Idempotency-Key", "k")
                .json(&json!({"apiMode": "byok"})),
        ),
        (
            201,
            me.request("POST", "/api/v1/assistants/purchase")
                .header("Idempotency-Key", "k")
                .json(&json!({"apiMode": "byok"})),
        ),
    ];
    let mut left = Vec::new();
    for (status, request) in requests {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["ratelimit-policy"], r#""default";q=1000;w=60"#, "{status}");
        let state = answer.headers()["ratelimit"].to_str().unwrap().to_owned();
        let rest = state.strip_prefix(r#""default";r="#).unwrap().split(';').next().unwrap();
        left.push(rest.parse::<u64>().unwrap());
    }
    // Each request counts once; the other key has a separate count.
    assert_eq!(left.remove(6), 999);
    assert!(left.windows(2).all(|pair| pair[0] == pair[1] + 1), "{left:?}");
    // A request without a key gets no quota.
    let stranger = app.anonymous().call("GET", ASSISTANTS, Body::None).await;
    assert_eq!((stranger.status, stranger.header("ratelimit")), (401, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn account_limit_is_ten_times_key_limit() {
    let app = App::start_with(&[("RATE_LIMIT_PER_MINUTE", "4")]).await;
    let (user, other) = (app.user().await, app.user().await);
    let mut left = 40;
    let mut last = None;
    for _ in 0..12 {
        let (client, _) = app.key(user, "read", None).await;
        for asked in 1..=4 {
            let answer = client.call("GET", "/api/v1/me", Body::None).await;
            let (status, limit, rest) = if left == 0 { (429, 40, 0) } else { (200, 4, 4 - asked) };
            left -= usize::from(left > 0);
            // The headers describe the limit that is closer to being reached.
            let (limit, rest) = if left < rest { (40, left) } else { (limit, rest) };
            assert_eq!(answer.status, status, "{answer:?}");
            assert_eq!(answer.header("ratelimit-policy").unwrap(), format!("\"default\";q={limit};w=60"));
            assert!(
                answer.header("ratelimit").unwrap().starts_with(&format!("\"default\";r={rest};t=")),
                "{answer:?}"
            );
            last = Some(answer);
        }
    }
    let last = last.unwrap();
    last.error(429, "RATE_LIMITED");
    assert!((1..=60).contains(&seconds(&last, "retry-after")));
    // Other accounts are not affected.
    app.key(other, "read", None).await.0.get("").await;
    // The count of the account is shared with other processes, like that of a key.
    eventually("the count in the database", async || {
        let mut tx = app.services.store().read().await.unwrap();
        let count = tx.find_request_count(&format!("account {user}"), app.services.now()).await.unwrap();
        count.filter(|count| count.count >= 40)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limit_window_is_stored() {
    let app = App::start_with(&[("RATE_LIMIT_PER_MINUTE", "3")]).await;
    let user = app.user().await;
    let (client, id) = app.key(user, "read", None).await;
    for _ in 0..3 {
        client.get("").await;
    }
    // The next process continues with the stored counts.
    eventually("the counts in the database", async || {
        let id = reef_domain::ids::ApiKeyId::parse(&id).unwrap();
        let mut tx = app.services.store().read().await.unwrap();
        let count = tx.find_request_count(&format!("key {id}"), app.services.now()).await.unwrap();
        count.filter(|count| count.count == 3)
    })
    .await;
    client.fails(429, "RATE_LIMITED", "GET", "", Value::Null).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flood_is_shed_and_service_recovers() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchase("byok").await.0;
    let flood = (0..3000).map(|_| async {
        let answer = ApiResponse::send(me.request("GET", &format!("{ASSISTANTS}/{id}"))).await;
        if answer.status == 429 {
            assert_eq!(seconds(&answer, "retry-after"), 1);
        }
        answer.status
    });
    let health = async {
        for _ in 0..20 {
            let answer = app.http.get(app.url("/healthz")).send().await.unwrap();
            assert_eq!(answer.status(), 200);
        }
    };
    let (answers, ()) = futures::future::join(join_all(flood), health).await;
    let served = answers.iter().filter(|status| **status == 200).count();
    assert!(
        served >= 1000 && answers.iter().all(|status| matches!(status, 200 | 429)),
        "{served} of {answers:?}"
    );
    // Later requests are served as usual.
    assert_eq!(me.get(&format!("/{id}")).await["id"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_over_limit_returns_431() {
    let app = App::start().await;
    let send = async |head: String| {
        let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
        // The server may close the connection before it has read everything.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).split("\r\n").next().unwrap().to_owned()
    };
    let head = |rest: &str| format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{rest}\r\n");
    assert_eq!(send(head("")).await, "HTTP/1.1 200 OK");
    assert_eq!(send(head(&format!("X-Long: {}\r\n", "x".repeat(30_000)))).await, "HTTP/1.1 200 OK");
    let too_long = send(head(&format!("X-Long: {}\r\n", "x".repeat(40_000)))).await;
    assert!(too_long.starts_with("HTTP/1.1 431"), "{too_long}");
    let too_many = send(head(&"X-Many: 1\r\n".repeat(200))).await;
    assert!(too_many.starts_with("HTTP/1.1 431"), "{too_many}");
    assert_eq!(
        send("GET / HTTP/1.1\r\nHost: x\r\nX-Bad: a\0b\r\n\r\n".to_owned()).await,
        "HTTP/1.1 400 Bad Request"
    );
    // Request smuggling: two servers could disagree about where such a request ends.
    for smuggled in [
        "POST /api/v1/assistants/purchase HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "POST /api/v1/assistants/purchase HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n{}",
    ] {
        assert_eq!(send(smuggled.to_owned()).await, "HTTP/1.1 400 Bad Request", "{smuggled}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_requests_do_not_block_others() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchase("byok").await.0;
    // Waiting requests do not count toward the limit of requests in flight.
    let waits: Vec<_> = (0..50)
        .map(|_| {
            let request = me.request("GET", &format!("{ASSISTANTS}/{id}/status?wait=30"));
            tokio::spawn(request.header(CONTENT_TYPE, "application/json").send())
        })
        .collect();
    assert_eq!(me.get(&format!("/{id}")).await["id"], id);
    for wait in &waits {
        wait.abort();
    }
    assert_eq!(me.get(&format!("/{id}")).await["id"], id);
}
