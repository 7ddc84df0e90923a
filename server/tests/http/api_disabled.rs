//! `ASSISTANTS_API_V1_ENABLED=false` disables `/api/v1/*` and nothing else.

use serde_json::json;

use crate::client::Body;
use crate::endpoints::ENDPOINTS;
use crate::support::App;

#[tokio::test]
async fn disabled_v1_returns_404() {
    let app = App::start_with(&[("ASSISTANTS_API_V1_ENABLED", "false")]).await;
    let me = app.customer().await;
    let expected =
        json!({"error": {"code": "API_DISABLED", "message": "Assistant v1 API is disabled"}}).to_string();
    let mut asked: Vec<(&str, String)> = ENDPOINTS
        .iter()
        .flat_map(|e| [(e.method, e.at("01890a5d-ac96-774b-bcce-b302099a8057")), (e.method, e.at("x"))])
        .collect();
    let others = [
        ("GET", "/api/v1"),
        ("GET", "/api/v1/"),
        ("GET", "/api/v1/nothing/here"),
        // API_DISABLED also comes before METHOD_NOT_ALLOWED.
        ("PUT", "/api/v1/assistants"),
        ("DELETE", "/api/v1/assistants/purchase"),
        ("GET", "/api/v1/assistants/x/stop"),
    ];
    asked.extend(others.map(|(method, path)| (method, path.to_owned())));
    for (method, path) in asked {
        for client in [&me.client, &app.anonymous(), &app.anonymous().with_key("nonsense")] {
            for body in [Body::None, Body::Raw("{")] {
                let answer = client.call(method, &path, body).await;
                assert_eq!((answer.status, &answer.text), (404, &expected), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn disabled_v1_keeps_other_routes() {
    let app = App::start_with(&[("ASSISTANTS_API_V1_ENABLED", "false")]).await;
    for path in ["/", "/api/openapi", "/healthz", "/readyz", "/metrics", "/sandbox/"] {
        assert_eq!(app.http.get(app.url(path)).send().await.unwrap().status(), 200, "{path}");
    }
    let answer = app.anonymous().call("GET", "/api/nothing", Body::None).await;
    answer.error(404, "NOT_FOUND");
}
