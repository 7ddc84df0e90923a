//! The commands of `reef`, run as an operator runs them.

use serde_json::{Value, json};

use crate::client::Body;
use crate::process::{Installation, Process, reef_command};

const ANN: &str = "ann@example.com";

#[tokio::test]
async fn user_and_key_commands() {
    let installation = Installation::new(&[]);
    let id = installation
        .ok(&["user", "create", "--email", "Ann@Example.com", "--password-stdin"], "long enough 123\n");
    assert_eq!(id.len(), 36);
    assert!(
        installation.fails(&["user", "create", "--email", ANN]).contains("account"),
        "each email address can have only one account"
    );
    assert!(installation.fails(&["user", "create", "--email", "nonsense"]).contains("valid email address"));
    let (code, _, error) =
        installation.run(&["user", "create", "--email", "bob@example.com", "--password-stdin"], "short\n");
    assert!(code != Some(0) && error.contains("at least"), "{error}");
    // Without a password, one is generated and printed after the id.
    let made = installation.ok(&["user", "create", "--email", "bob@example.com"], "");
    assert_eq!(made.lines().count(), 2);

    installation.ok(&["user", "password", "--email", ANN, "--password-stdin"], "another long one\n");
    assert_eq!(
        installation.ok(&["user", "password", "--email", ANN, "--end-two-step"], "").lines().count(),
        1
    );
    assert!(
        installation.fails(&["user", "password", "--email", "nobody@example.com"]).contains("no account")
    );

    let both = installation.ok(&["key", "create", "--email", ANN, "--name", "both"], "");
    assert!(
        both.starts_with("reef_live_") && both.len() > 40 && !both.contains(char::is_whitespace),
        "{both}"
    );
    let reader = installation.ok(&["key", "create", "--email", ANN, "--name", "r", "--scope", "read"], "");
    let writer = installation.ok(&["key", "create", "--email", ANN, "--name", "w", "--scope", "write"], "");
    let brief = installation.ok(&["key", "create", "--email", ANN, "--name", "b", "--expires-in", "1s"], "");
    let long = installation.ok(
        &[
            "key",
            "create",
            "--email",
            ANN,
            "--name",
            "l",
            "--expires-in",
            "30d",
            "--scope",
            "read",
            "--scope",
            "write",
        ],
        "",
    );
    for bad in ["0s", "30", "1y", "-1d", ""] {
        installation.fails(&["key", "create", "--email", ANN, "--name", "x", "--expires-in", bad]);
    }
    installation.fails(&["key", "create", "--email", ANN, "--name", "x", "--scope", "admin"]);
    installation.fails(&["key", "create", "--email", ANN, "--name", " "]);
    assert!(
        installation
            .fails(&["key", "create", "--email", "no@example.com", "--name", "x"])
            .contains("no@example.com")
    );

    let process = installation.serve().await;
    for key in [&both, &long] {
        assert_eq!(process.client(key).get("").await, json!([]));
    }
    let buy = json!({"apiMode": "byok"});
    process.client(&reader).fails(403, "FORBIDDEN", "POST", "/purchase", buy.clone()).await;
    assert_eq!(process.client(&reader).get("").await, json!([]));
    process.client(&writer).fails(403, "FORBIDDEN", "GET", "", Value::Null).await;
    process.client(&writer).send("POST", "/purchase", buy).await.data(201);
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    process.client(&brief).fails(401, "UNAUTHORIZED", "GET", "", Value::Null).await;
    // A key that the command line revokes stops working on the running server at once.
    let me = process.client(&long).call("GET", "/api/v1/me", Body::None).await.data(200);
    installation.ok(&["key", "revoke", "--email", ANN, "--id", me["keyId"].as_str().unwrap()], "");
    process.client(&long).fails(401, "UNAUTHORIZED", "GET", "", Value::Null).await;
    installation.ok(&["key", "revoke", "--key-stdin"], &format!("{both}\n"));
    process.client(&both).fails(401, "UNAUTHORIZED", "GET", "", Value::Null).await;
    let (code, _, error) = installation.run(&["key", "revoke", "--key-stdin"], &format!("{both}\n"));
    assert!(code != Some(0) && !error.contains(&both), "{error}");
    installation.fails(&["key", "revoke"]);
}

#[test]
fn key_revoke_by_key_or_name() {
    let installation = Installation::new(&[]);
    installation.customer();
    let make = |name: &str| installation.ok(&["key", "create", "--email", ANN, "--name", name], "");
    let (itself, named) = (make("itself"), [make("twice"), make("twice")]);
    installation.ok(&["key", "revoke", &itself], "");
    assert!(installation.fails(&["key", "revoke", &itself]).contains("not a valid API key"));
    installation.ok(&["key", "revoke", "--email", ANN, "--name", "twice"], "");
    for key in &named {
        assert!(
            installation.fails(&["key", "revoke", key]).contains("not a valid API key"),
            "every key with this name is revoked"
        );
    }
    let by_name = ["key", "revoke", "--email", ANN, "--name", "twice"];
    assert!(installation.fails(&by_name).contains("no such API key"));
    for wrong in [&["--name", "twice"][..], &["--id", "x"], &["--email", ANN], &["--email", ANN, "--id", "x"]]
    {
        installation.fails(&[&["key", "revoke"], wrong].concat());
    }
    let nobody = ["key", "revoke", "--email", "no@example.com", "--name", "test"];
    assert!(installation.fails(&nobody).contains("no@example.com"));
}

#[test]
fn callback_secret_print_and_rotate() {
    let installation = Installation::new(&[]);
    installation.customer();
    let get = ["callback-secret", "--email", ANN];
    let secret = installation.ok(&get, "");
    assert!(secret.starts_with("whsec_") && standardwebhooks::Webhook::new(&secret).is_ok(), "{secret}");
    assert_eq!(installation.ok(&get, ""), secret);
    let rotated = installation.ok(&["callback-secret", "--email", ANN, "--rotate"], "");
    assert!(rotated.starts_with("whsec_") && rotated != secret);
    assert_eq!(installation.ok(&get, ""), rotated);
    assert!(installation.fails(&["callback-secret", "--email", "no@example.com"]).contains("no@example.com"));
}

#[test]
fn migrate_creates_database_and_exits() {
    let installation = Installation::new(&[]);
    assert_eq!(installation.ok(&["migrate"], ""), "");
    assert!(installation.folder.path().join("data/reef.db").exists());
    installation.ok(&["migrate"], "");
    installation.customer();
    use std::os::unix::fs::PermissionsExt as _;
    let key = std::fs::metadata(installation.folder.path().join("data/secret.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[test]
fn invalid_variable_fails_start_with_one_line() {
    let cases = [
        ("BIND_ADDR", "nowhere"),
        ("BIND_ADDR", "0.0.0.0:0"),
        ("PUBLIC_URL", "reef.example"),
        ("DATABASE_URL", "mysql://x"),
        ("SECRET_KEY", "c2hvcnQtc2VjcmV0"),
        ("ASSISTANTS_API_V1_ENABLED", "maybe"),
        ("DATABASE_URL", "sqlite://"),
        ("SANDBOX", "maybe"),
        ("SANDBOX_ALLOW_REMOTE", "maybe"),
        ("RATE_LIMIT_PER_MINUTE", "many"),
        ("WORKER_HOST", "moon"),
        ("POLAR_API_URL", "polar"),
        ("CALLBACK_OVERRIDES", "nonsense"),
        ("DEPLOY_TIMEOUT_SECS", "0"),
        ("MANAGED_CREDIT_USD", "much"),
        ("SIGNUPS", "sometimes"),
        ("LOG_FORMAT", "xml"),
        ("RUST_LOG", "=x=y="),
    ];
    for (name, value) in cases {
        let folder = tempfile::tempdir().unwrap();
        for args in [&["serve"][..], &["migrate"]] {
            let output = reef_command(args, &[(name, value)]).current_dir(folder.path()).output().unwrap();
            let error = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success(), "{name}={value}");
            assert!(error.trim_end().lines().count() == 1 && error.contains(&format!("{name}: ")), "{error}");
            assert!(name != "SECRET_KEY" || !error.contains(value), "{error}");
        }
    }
    let output =
        reef_command(&["serve"], &[("DATABASE_URL", "postgres://reef@127.0.0.1:1/x")]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("SECRET_KEY: "));
}

#[test]
fn every_command_has_help() {
    let commands: [&[&str]; 15] = [
        &[],
        &["serve"],
        &["migrate"],
        &["user"],
        &["user", "create"],
        &["key"],
        &["key", "create"],
        &["key", "revoke"],
        &["callback-secret"],
        &["sandbox"],
        &["openapi"],
        &["backup"],
        &["reseal"],
        &["doctor"],
        &["help"],
    ];
    for command in commands {
        let mut args = command.to_vec();
        if command != ["help"] {
            args.push("--help");
        }
        let output = reef_command(&args, &[]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("Usage:"), "{command:?}: {text}");
    }
    assert!(!reef_command(&["nonsense"], &[]).output().unwrap().status.success());
    let version = reef_command(&["--version"], &[]).output().unwrap();
    assert_eq!(String::from_utf8(version.stdout).unwrap(), format!("reef {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_answers_waiting_requests() {
    let installation = Installation::new(&[]);
    let key = installation.customer();
    let base = format!("http://127.0.0.1:{}", installation.port);
    let vars: Vec<(&str, &str)> =
        installation.vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut process = Process::start(installation.folder.path(), &[], &vars, &base, "/healthz").await;
    let client = process.client(&key);
    let bought = client.send("POST", "/purchase", json!({"apiMode": "byok"})).await.data(201);
    let path = format!("/{}/status?wait=30", bought["deploymentId"].as_str().unwrap());
    let waiting = tokio::spawn(async move { client.get(&path).await });
    // After a moment, the server has accepted the request and it waits.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let (code, took) = tokio::task::block_in_place(|| process.terminate());
    assert_eq!(code, Some(0));
    assert!(took.as_secs() < 30, "{took:?}");
    assert_eq!(waiting.await.unwrap()["status"], "pending_payment");
}

#[tokio::test]
async fn restart_keeps_everything() {
    let installation = Installation::new(&[]);
    let key = installation.customer();
    let mut process = installation.serve().await;
    let bought = process.client(&key).send("POST", "/purchase", json!({"apiMode": "byok"})).await.data(201);
    let path = format!("/{}", bought["deploymentId"].as_str().unwrap());
    let before = process.client(&key).get(&path).await;
    let (code, took) = process.terminate();
    assert_eq!(code, Some(0));
    assert!(took.as_secs() < 30, "{took:?}");
    drop(process);
    let process = installation.serve().await;
    assert_eq!(process.client(&key).get(&path).await, before);
    // The sandbox kept its state, too: the checkout can still be paid.
    let pay = format!("{}/pay", bought["checkoutUrl"].as_str().unwrap());
    assert_eq!(process.http.post(pay).send().await.unwrap().status(), 303);
    crate::support::eventually("the payment", async || {
        (process.client(&key).get(&path).await["status"] == "purchased").then_some(())
    })
    .await;
}
