//! Authentication by `X-API-Key` and authorization by the key's scopes.

use data_encoding::HEXLOWER;
use reef_outbound::SystemEntropy;
use reef_ports::Entropy as _;
use reef_store::SessionRow;
use reef_vault::fingerprint;
use reqwest::RequestBuilder;
use serde_json::json;
use std::time::Duration;
use tower_sessions::session::Id;

use crate::client::{ApiResponse, Body, Client};
use crate::endpoints::{ANY, ENDPOINTS};
use crate::support::App;

/// Asserts that every endpoint answers that the key is missing or invalid, and reveals nothing else.
async fn assert_unauthorized(
    anonymous: &Client,
    id: &str,
    credential: impl Fn(RequestBuilder) -> RequestBuilder,
) {
    for endpoint in ENDPOINTS {
        // The response is the same for invalid ids and bodies.
        for (id, body) in [(id, "{}"), ("nonsense", "{"), (id, "[1,2")] {
            let request = anonymous.request(endpoint.method, &endpoint.at(id));
            let request = credential(request).header("content-type", "application/json");
            let request = if endpoint.has_body() { request.body(body) } else { request };
            let error = ApiResponse::send(request).await.error(401, "UNAUTHORIZED");
            assert_eq!(
                error,
                json!({"code": "UNAUTHORIZED", "message": "API key required or invalid API key"})
            );
        }
    }
}

#[tokio::test]
async fn missing_key_returns_401() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("purchased").await;
    let before = me.get(&format!("/{id}")).await;
    let nobody = app.anonymous();
    assert_unauthorized(&nobody, &id, |request| request).await;
    for blank in ["", " ", "\t"] {
        assert_unauthorized(&nobody, &id, |request| request.header("X-API-Key", blank)).await;
    }
    assert_eq!(me.get(&format!("/{id}")).await, before);
}

#[tokio::test]
async fn invalid_key_returns_401() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("purchased").await;
    let key = me.key();
    let nobody = app.anonymous();
    let mut typo = key.to_owned();
    let last = typo.pop().unwrap();
    typo.push(if last == '0' { '1' } else { '0' });
    // A well-formed key with a valid checksum that was never issued.
    let never_made = {
        let random = "0123456789abcdef0123456789abcdef01234567";
        format!("reef_live_{random}{:08x}", crc32fast::hash(format!("reef_live_{random}").as_bytes()))
    };
    let (revoked, expired) = (app.revoked_client(me.user).await, app.expired_client(me.user).await);
    let wrong = [
        "nonsense".to_owned(),
        typo,
        never_made,
        key.to_uppercase(),
        format!("Bearer {key}"),
        format!("{key},{key}"),
        key[..key.len() - 1].to_owned(),
        revoked.key().to_owned(),
        expired.key().to_owned(),
    ];
    for wrong in wrong {
        assert_unauthorized(&nobody, &id, |request| request.header("X-API-Key", &wrong)).await;
    }
    let not_ascii = reqwest::header::HeaderValue::from_bytes(b"reef_live_\xff").unwrap();
    assert_unauthorized(&nobody, &id, |request| request.header("X-API-Key", &not_ascii)).await;
    assert_eq!(me.get(&format!("/{id}")).await["status"], "purchased");
}

#[tokio::test]
async fn key_outside_single_header_returns_401() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("purchased").await;
    let key = me.key();
    let nobody = app.anonymous();
    assert_unauthorized(&nobody, &id, |request| request.header("X-API-Key", key).header("X-API-Key", key))
        .await;
    assert_unauthorized(&nobody, &id, |request| request.header("X-API-Key", key).header("X-API-Key", ""))
        .await;
    assert_unauthorized(&nobody, &id, |request| request.bearer_auth(key)).await;
    assert_unauthorized(&nobody, &id, |request| request.basic_auth(key, Some(key))).await;
    assert_unauthorized(&nobody, &id, |request| request.query(&[("api_key", key), ("X-API-Key", key)])).await;
    assert_unauthorized(&nobody, &id, |request| {
        request.header("cookie", format!("X-API-Key={key}; reef={key}"))
    })
    .await;
    // HTTP ignores the case of header names and white space around values.
    let request = nobody.request("GET", "/api/v1/assistants").header("x-api-key", format!(" {key} "));
    ApiResponse::send(request).await.data(200);
}

#[tokio::test]
async fn session_cookie_returns_401() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("purchased").await;
    let mut random = [0; 16];
    SystemEntropy.fill(&mut random);
    let session = Id(i128::from_be_bytes(random));
    let row = SessionRow {
        // Rows are stored under a hash, so the database contains no usable session id.
        id: HEXLOWER.encode(&fingerprint("reef session", &session.to_string())),
        user_id: Some(me.user),
        data: json!({"user_id": me.user}).to_string(),
        ip_address: None,
        user_agent: None,
        created_at: app.services.now(),
        expires_at: app.services.now().plus(Duration::from_secs(3600)),
        last_used_at: None,
    };
    let mut tx = app.services.store().begin().await.unwrap();
    assert!(tx.insert_session(&row).await.unwrap());
    tx.commit().await.unwrap();
    let cookie = format!("reef={session}");
    // The session is valid: it opens the dashboard's stream.
    let live = app.url("/live/assistants");
    assert_eq!(app.http.get(&live).header("cookie", &cookie).send().await.unwrap().status(), 200);
    assert_eq!(app.http.get(&live).send().await.unwrap().status(), 401);
    let kept = format!("reef={}", row.id);
    assert_eq!(app.http.get(&live).header("cookie", &kept).send().await.unwrap().status(), 401);
    // An API key does not open the dashboard.
    assert_eq!(app.http.get(&live).header("X-API-Key", me.key()).send().await.unwrap().status(), 401);
    let nobody = app.anonymous();
    assert_unauthorized(&nobody, &id, |request| {
        request.header("cookie", &cookie).header("sec-fetch-site", "same-origin")
    })
    .await;
}

#[tokio::test]
async fn missing_scope_returns_403() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("purchased").await;
    let (reader, _) = app.key(me.user, "read", None).await;
    let (writer, _) = app.key(me.user, "write", None).await;
    for endpoint in ENDPOINTS.into_iter().filter(|endpoint| endpoint.scope != ANY) {
        let (lacks, has) = match endpoint.scope {
            "read" => (&writer, &reader),
            _ => (&reader, &writer),
        };
        // FORBIDDEN is checked before NOT_FOUND and INVALID_REQUEST.
        for (id, body) in [(id.as_str(), "{}"), ("nonsense", "{}"), (&id, "{")] {
            let body = if endpoint.has_body() { Body::Raw(body) } else { Body::None };
            let error = lacks.call(endpoint.method, &endpoint.at(id), body).await.error(403, "FORBIDDEN");
            assert_eq!(error["details"], json!({"requiredScope": endpoint.scope}), "{endpoint:?}");
        }
        // With the scope, the next checks decide.
        if endpoint.path.contains("{deploymentId}") {
            let path = endpoint.at("nonsense");
            has.call(endpoint.method, &path, Body::None).await.error(404, "NOT_FOUND");
        }
    }
    assert_eq!(reader.get(&format!("/{id}")).await["status"], "purchased");
    let renamed = writer.ok("PATCH", &format!("/{id}"), json!({"name": "By a writer"})).await;
    assert_eq!(renamed["name"], "By a writer");
}

#[tokio::test]
async fn expired_key_returns_401() {
    let app = App::start().await;
    let user = app.user().await;
    let (client, _) = app.key(user, "read", Some(Duration::from_millis(1500))).await;
    assert_eq!(client.get("").await, json!([]));
    tokio::time::sleep(Duration::from_millis(1600)).await;
    client.fails(401, "UNAUTHORIZED", "GET", "", json!(null)).await;
}

#[tokio::test]
async fn revoked_key_returns_401() {
    let app = App::start().await;
    let user = app.user().await;
    let (client, id) = app.key(user, "read write", None).await;
    assert_eq!(client.get("").await, json!([]));
    app.services.revoke_api_key(&reef_service::Caller::operator(user), &id).await.unwrap();
    client.fails(401, "UNAUTHORIZED", "GET", "", json!(null)).await;
    // Other keys of the account keep working.
    let (other, _) = app.key(user, "read", None).await;
    assert_eq!(other.get("").await, json!([]));
}
