//! The procedures of docs/operations.md on both databases: backup, restore and rotation of the secret key.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::client::Client;
use crate::postgres::TestDatabase;
use crate::process::{Installation, Process};
use crate::support::{activation, bot_token, eventually};

const KEY_A: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
const KEY_B: &str = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=";

/// Creates an installation with this key, and a PostgreSQL database if it uses one.
async fn install(on_postgres: bool, key: &str) -> (Installation, Option<TestDatabase>) {
    let database = if on_postgres { Some(TestDatabase::create().await) } else { None };
    let mut vars = vec![("SECRET_KEY", key), ("SANDBOX", "true")];
    if let Some(database) = &database {
        vars.push(("DATABASE_URL", &database.url));
    }
    (Installation::new(&vars), database)
}

fn set(installation: &mut Installation, name: &str, value: &str) {
    installation.vars.retain(|(existing, _)| existing != name);
    installation.vars.push((name.to_owned(), value.to_owned()));
}

/// Buys, pays for and activates an assistant, and returns its path.
async fn activate(process: &Process, client: &Client, mode: &str, token: &str) -> String {
    let bought = client.send("POST", "/purchase", json!({"apiMode": mode})).await.data(201);
    let path = format!("/{}", bought["deploymentId"].as_str().unwrap());
    let pay = format!("{}/pay", bought["checkoutUrl"].as_str().unwrap());
    assert_eq!(process.http.post(pay).send().await.unwrap().status(), 303);
    until(client, &path, "purchased").await;
    client.ok("POST", &format!("{path}/activate"), activation(token)).await;
    until(client, &path, "active").await;
    path
}

async fn until(client: &Client, path: &str, status: &str) {
    eventually(&format!("status {status}"), async || {
        (client.get(path).await["status"] == status).then_some(())
    })
    .await;
}

/// Sends a message to the bot and waits for its answer.
async fn send_message_and_wait(process: &Process, token: &str, text: &str) {
    let chat = format!(
        "{}/sandbox/telegram/bots/{}/messages",
        process.base,
        token.split(':').next().expect("the token has no bot id")
    );
    process.http.post(&chat).json(&json!({"chatId": 1, "text": text})).send().await.unwrap();
    eventually("an answer", async || {
        let all = process.http.get(&chat).query(&[("chatId", "1")]).send().await.unwrap();
        let all: Value = all.json().await.unwrap();
        let said = all["data"].as_array().unwrap();
        let asked = said.iter().position(|message| message["text"] == text)?;
        said[asked..].iter().any(|message| message["from"] == "bot").then_some(())
    })
    .await;
}

/// Replaces key A with key B while Reef serves, until A is no longer needed.
async fn rotate_secret_key(on_postgres: bool) {
    let (mut installation, _database) = install(on_postgres, KEY_A).await;
    let key = installation.customer();
    let secret = ["callback-secret", "--email", "ann@example.com"];
    // After a rotation, the previous callback secret is sealed, too.
    installation.ok(&[&secret[..], &["--rotate"]].concat(), "");
    let signing = installation.ok(&secret, "");
    let mut process = installation.serve().await;
    let (own, managed) = (bot_token("ok"), bot_token("ok"));
    let paths = [
        activate(&process, &process.client(&key), "byok", &own).await,
        activate(&process, &process.client(&key), "managed", &managed).await,
    ];

    // 1. Every process opens with both keys, and still seals with the old one.
    set(&mut installation, "SECRET_KEY", &format!("{KEY_A},{KEY_B}"));
    process.terminate();
    process = installation.serve().await;
    // 2. Every process seals with the new one.
    set(&mut installation, "SECRET_KEY", &format!("{KEY_B},{KEY_A}"));
    process.terminate();
    process = installation.serve().await;
    let secrets = |installation: &Installation| {
        let report = installation.ok(&["doctor"], "");
        report
            .lines()
            .find(|line| line.contains("secrets: "))
            .expect("the line about secrets is missing")
            .to_owned()
    };
    assert!(
        secrets(&installation).contains("8 of 8 values are sealed with an older key"),
        "{}",
        secrets(&installation)
    );
    // If the old key is removed too early, `reef reseal` fails and destroys nothing.
    let mut hasty = Installation {
        folder: tempfile::tempdir().unwrap(),
        port: installation.port,
        vars: installation.vars.clone(),
    };
    if !on_postgres {
        set(
            &mut hasty,
            "DATABASE_URL",
            &format!("sqlite://{}", installation.folder.path().join("data/reef.db").display()),
        );
    }
    set(&mut hasty, "SECRET_KEY", KEY_B);
    let (code, out, error) = hasty.run(&["reseal"], "");
    assert!(code != Some(0) && error.contains("not in SECRET_KEY"), "{out}{error}");
    let (code, out, _) = hasty.run(&["doctor"], "");
    assert!(code != Some(0) && out.contains("error secrets: 8 values"), "{out}");
    // 3. The values that the old key has sealed are resealed while the server runs.
    let report = installation.ok(&["reseal"], "");
    assert_eq!(
        report.lines().collect::<Vec<_>>(),
        [
            "users.signing_secret: 1 resealed",
            "users.previous_signing_secret: 1 resealed",
            "assistants.bot_token: 2 resealed",
            "assistants.model_key: 2 resealed",
            "replaced_configurations.bot_token: 0 resealed",
            "replaced_configurations.model_key: 0 resealed",
            "workers.settings: 2 resealed",
            "sessions.flash: 0 resealed",
            "totp.secret: 0 resealed",
            "mails.token: 0 resealed",
            "assistant_settings.mcp_headers: 0 resealed",
        ]
    );
    assert!(installation.ok(&["reseal"], "").lines().all(|line| line.ends_with(": 0 resealed")));
    assert!(secrets(&installation).contains("all sealed with the first key"), "{}", secrets(&installation));
    send_message_and_wait(&process, &own, "while it is both").await;

    // 4. The old key is removed.
    set(&mut installation, "SECRET_KEY", KEY_B);
    process.terminate();
    process = installation.serve().await;
    assert!(secrets(&installation).contains("all sealed with the first key"));
    assert_eq!(installation.ok(&secret, ""), signing);
    for (path, token) in paths.iter().zip([&own, &managed]) {
        send_message_and_wait(&process, token, "after the rotation").await;
        let client = process.client(&key);
        client.ok("POST", &format!("{path}/stop"), Value::Null).await;
        client.ok("POST", &format!("{path}/redeploy"), Value::Null).await;
        until(&client, path, "active").await;
        send_message_and_wait(&process, token, "after a new deployment").await;
    }
}

#[tokio::test]
async fn secret_key_rotation_on_sqlite() {
    rotate_secret_key(false).await;
}

#[tokio::test]
async fn secret_key_rotation_on_postgres() {
    rotate_secret_key(true).await;
}

/// Runs one of PostgreSQL's tools, which must succeed.
fn run_tool(name: &str, args: &[&str]) {
    let output = Command::new(name).args(args).output().unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes a backup while the server runs, changes something, and restores the backup.
async fn backup_and_restore(on_postgres: bool) {
    let (mut installation, database) = install(on_postgres, KEY_A).await;
    let key = installation.customer();
    let mut process = installation.serve().await;
    let token = bot_token("ok");
    let path = activate(&process, &process.client(&key), "byok", &token).await;
    send_message_and_wait(&process, &token, "before the backup").await;
    let before = process.client(&key).get("").await;

    let folder = installation.folder.path().to_owned();
    let copy = folder.join("copy");
    let copy = copy.to_str().unwrap();
    if let Some(database) = &database {
        assert!(installation.fails(&["backup", copy]).contains("pg_dump"));
        run_tool("pg_dump", &["--format=custom", "--file", copy, &database.url]);
    } else {
        installation.ok(&["backup", copy], "");
        assert_eq!(std::fs::metadata(copy).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(
            installation.fails(&["backup", copy]).contains("could not be written"),
            "an existing file is overwritten"
        );
    }
    assert!(!file_contains(Path::new(copy), KEY_A), "the backup contains the secret key");

    // Changes after the backup are not part of it.
    process.client(&key).send("POST", "/purchase", json!({"apiMode": "byok"})).await.data(201);
    process.client(&key).ok("POST", &format!("{path}/stop"), Value::Null).await;
    process.terminate();
    let restored = if database.is_some() {
        let fresh = TestDatabase::create().await;
        run_tool("pg_restore", &["--exit-on-error", "--no-owner", "--dbname", &fresh.url, copy]);
        set(&mut installation, "DATABASE_URL", &fresh.url);
        Some(fresh)
    } else {
        for gone in ["reef.db-wal", "reef.db-shm"] {
            let _ = std::fs::remove_file(folder.join("data").join(gone));
        }
        std::fs::rename(copy, folder.join("data/reef.db")).unwrap();
        None
    };
    let process = installation.serve().await;
    assert!(installation.ok(&["doctor"], "").contains("ok    secrets"));
    assert_eq!(process.client(&key).get("").await, before);
    // The assistant was stopped after the backup, so its bot's webhook has to be set again.
    let client = process.client(&key);
    client.ok("POST", &format!("{path}/redeploy"), Value::Null).await;
    until(&client, &path, "active").await;
    send_message_and_wait(&process, &token, "after the restore").await;
    drop((process, restored));
}

fn file_contains(file: &Path, needle: &str) -> bool {
    let bytes = std::fs::read(file).expect("the file could not be read");
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn backup_and_restore_on_sqlite() {
    backup_and_restore(false).await;
}

#[tokio::test]
async fn backup_and_restore_on_postgres() {
    backup_and_restore(true).await;
}
