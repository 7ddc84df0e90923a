//! A `kill -9` during a deployment loses nothing and repeats nothing.

use serde_json::{Value, json};

use crate::callbacks::Receiver;
use crate::process::{Installation, Process, free_port};
use crate::support::{activation, bot_token, eventually, merged};

/// Whether a call of this Telegram method has arrived and is not answered yet.
async fn is_call_pending(process: &Process, sandbox_url: &str, method: &str) -> bool {
    let url = format!("{sandbox_url}/sandbox/requests?vendor=telegram");
    let calls: Value = process.http.get(url).send().await.unwrap().json().await.unwrap();
    let calls = calls["data"].as_array().unwrap().clone();
    calls.iter().any(|call| call["path"].as_str().unwrap().ends_with(method) && call["status"].is_null())
}

/// Buys, pays for and activates an assistant, kills Reef during a call of `method`, restarts it, and checks the result.
async fn kill_during(installation: &Installation, sandbox_url: Option<&str>, method: &str) {
    let (receiver, target) = Receiver::start(&[]).await;
    let mut vars = installation.vars.clone();
    let own = vars.iter().position(|(name, _)| name == "CALLBACK_OVERRIDES").map(|at| vars.remove(at).1);
    let overrides = own.map_or(target.clone(), |own| format!("{own},{target}"));
    vars.push(("CALLBACK_OVERRIDES".to_owned(), overrides));
    let installation = Installation { folder: tempfile::tempdir().unwrap(), port: installation.port, vars };
    let key = installation.customer();
    let mut process = installation.serve().await;
    let sandbox_url = sandbox_url.map_or_else(|| process.base.clone(), str::to_owned);
    let client = process.client(&key);
    let bought = client.send("POST", "/purchase", json!({"apiMode": "byok"})).await.data(201);
    let path = format!("/{}", bought["deploymentId"].as_str().unwrap());
    let pay = format!("{}/pay", bought["checkoutUrl"].as_str().unwrap());
    assert_eq!(process.http.post(pay).send().await.unwrap().status(), 303);
    let until = async |client: &crate::client::Client, status: &str| {
        eventually(&format!("status {status}"), async || {
            Some(client.get(&path).await).filter(|record| record["status"] == status)
        })
        .await
    };
    until(&client, "purchased").await;
    let fault = json!([{"path": format!("*/{method}"), "delayMs": 2500}]);
    let ordered =
        process.http.put(format!("{sandbox_url}/sandbox/faults")).json(&fault).send().await.unwrap();
    assert_eq!(ordered.status(), 200);
    let token = bot_token("ok");
    let body = merged(activation(&token), json!({"callbackUrl": "https://hooks.test/crash"}));
    client.ok("POST", &format!("{path}/activate"), body).await;
    eventually("the call", async || is_call_pending(&process, &sandbox_url, method).await.then_some(()))
        .await;
    process.kill();
    drop(process);

    let process = installation.serve().await;
    let client = process.client(&key);
    let active = until(&client, "active").await;
    // By this time, a late result of the first run would have arrived.
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    assert_eq!(client.get(&path).await, active);
    let bodies = receiver.bodies(2).await;
    let statuses: Vec<_> = bodies.iter().map(|body| body["data"]["status"].clone()).collect();
    assert_eq!(statuses, ["deploying", "active"], "each once");
    let chat = format!("{sandbox_url}/sandbox/telegram/bots/{}/messages", token.split(':').next().unwrap());
    process.http.post(&chat).json(&json!({"chatId": 1, "text": "hello"})).send().await.unwrap();
    eventually("an answer", async || {
        let all: Value =
            process.http.get(&chat).query(&[("chatId", "1")]).send().await.unwrap().json().await.unwrap();
        (all["data"].as_array().unwrap().last()?["from"] == "bot").then_some(())
    })
    .await;
}

#[tokio::test]
async fn kill_during_deployment_is_recovered() {
    for method in ["setWebhook", "getMe"] {
        kill_during(&Installation::new(&[]), None, method).await;
    }
}

#[tokio::test]
async fn kill_with_external_sandbox_is_recovered() {
    let port = free_port();
    let sandbox_url = format!("http://127.0.0.1:{port}");
    let folder = tempfile::tempdir().unwrap();
    let bind = format!("127.0.0.1:{port}");
    let args = ["sandbox", "--bind", &bind, "--database", "world.db"];
    let sandbox = Process::start(folder.path(), &args, &[], &sandbox_url, "/sandbox/").await;
    // It prints the variables with which Reef uses this sandbox.
    let printed = std::fs::read_to_string(folder.path().join("out")).unwrap();
    let vars: Vec<(&str, &str)> = printed
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .collect();
    assert!(vars.contains(&("SANDBOX", "false")), "{printed}");
    kill_during(&Installation::new(&vars), Some(&sandbox_url), "setWebhook").await;
    drop(sandbox);
}
