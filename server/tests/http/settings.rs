//! Settings: what a change does, what it refuses, and revisions.

use serde_json::{Value, json};

use crate::support::{App, Database};

#[tokio::test]
async fn settings_change_in_any_status_and_every_change_is_a_revision() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = App::start_on(database, &[]).await;
        let me = app.customer().await;
        let id = me.purchased("byok").await;
        let before = me.get(&format!("/{id}")).await;
        let first = me.get(&format!("/{id}/settings")).await;
        let expected = json!({"instructions": null, "greeting": null, "language": null, "timeZone": "UTC",
            "access": {"mode": "approved", "groups": "mention"},
            "tools": {"webSearch": true, "readPages": true, "reminders": true, "memory": true},
            "mcpServers": [], "allowance": {"perDayUsd": null, "perMonthUsd": null},
            "revision": 1, "updatedAt": before["createdAt"]});
        assert_eq!(first, expected);
        assert_eq!(first.as_object().unwrap().keys().next_back().unwrap(), "updatedAt");

        let path = format!("/{id}/settings");
        let changed =
            me.ok("PATCH", &path, json!({"instructions": "Be brief.", "access": {"mode": "anyone"}})).await;
        assert_eq!((&changed["revision"], &changed["access"]["groups"]), (&json!(2), &json!("mention")));
        let again = me.ok("PATCH", &path, json!({"access": {"mode": "anyone"}})).await;
        assert_eq!(again, changed, "a change that changes nothing");
        assert_eq!(me.get(&format!("/{id}")).await, before, "the record has changed");

        let revisions = me.get(&format!("{path}/revisions")).await;
        assert_eq!(revisions.as_array().unwrap().len(), 2);
        assert_eq!(revisions[0]["author"]["type"], "key");
        assert_eq!(
            revisions[0]["changes"],
            json!([{"path": "instructions", "from": null, "to": "Be brief."},
                {"path": "access.mode", "from": "approved", "to": "anyone"}])
        );
        let page = me.send("GET", &format!("{path}/revisions?limit=1"), Value::Null).await;
        assert_eq!(page.data(200)[0]["revision"], 2);
        let link = page.header("link").unwrap();
        let next = link.split_once('?').unwrap().1.split_once('>').unwrap().0;
        let rest = me.get(&format!("{path}/revisions?{next}")).await;
        assert_eq!(rest, json!([revisions[1]]));

        let restored = me.ok("POST", &format!("{path}/revisions/1/restore"), Value::Null).await;
        assert_eq!((&restored["revision"], &restored["instructions"]), (&json!(3), &Value::Null));
        for unknown in ["4", "0", "01", "+1", "x", "99999999999999999999"] {
            let path = format!("{path}/revisions/{unknown}/restore");
            me.fails(404, "NOT_FOUND", "POST", &path, Value::Null).await;
        }
    }
}

#[tokio::test]
async fn secret_headers_of_mcp_servers_are_write_only() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchased("byok").await;
    let path = format!("/{id}/settings");
    let server = |more: Value| {
        let mut server = json!({"name": "wiki", "url": "https://mcp.example.com/"});
        server.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"mcpServers": [server]})
    };
    let secret = json!({"headers": {"Authorization": "Bearer swordfish"}});
    me.ok("PATCH", &path, server(secret)).await;
    let kept = me.ok("PATCH", &path, server(json!({"enabled": false}))).await;
    assert_eq!(
        kept["mcpServers"],
        json!([{"name": "wiki", "url": "https://mcp.example.com/", "headerNames": ["Authorization"],
            "enabled": false}])
    );
    let other = json!({"headers": {"Authorization": "Bearer mackerel"}, "enabled": false});
    let replaced = me.ok("PATCH", &path, server(other)).await;
    assert_eq!(replaced["revision"], 4, "only the secret has changed");
    let revisions = me.get(&format!("{path}/revisions")).await.to_string();
    assert!(!revisions.contains("swordfish") && !revisions.contains("mackerel"));
    let restored = me.ok("POST", &format!("{path}/revisions/2/restore"), Value::Null).await;
    assert_eq!(restored["mcpServers"][0]["headerNames"], json!(["Authorization"]));
    let cleared = me.ok("PATCH", &path, server(json!({"headers": {}}))).await;
    assert_eq!(cleared["mcpServers"][0]["headerNames"], json!([]));
    let issue = json!({"headerNames": ["X"]});
    let refused = me.fails(400, "INVALID_REQUEST", "PATCH", &path, server(issue)).await;
    assert_eq!(refused["details"]["issues"][0]["path"], "mcpServers.0.headerNames");
}

#[tokio::test]
async fn owner_link_needs_a_bot() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchased("byok").await;
    let path = format!("/{id}/owner-link");
    let refused = me.fails(409, "INVALID_STATE", "POST", &path, Value::Null).await;
    assert_eq!(refused["details"]["currentStatus"], "purchased");
    assert_eq!(me.get(&format!("/{id}/people")).await, json!([]));
}
