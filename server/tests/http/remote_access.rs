//! Routes that only this machine may reach, HSTS, `security.txt` and file permissions.

use reef_domain::Timestamp;
use reqwest::header::STRICT_TRANSPORT_SECURITY;

use crate::process::Installation;
use crate::support::App;

const FORWARDING: [(&str, &str); 5] = [
    ("Forwarded", "for=203.0.113.7"),
    ("X-Forwarded-For", "203.0.113.7"),
    ("X-Forwarded-For", "127.0.0.1"),
    ("X-Forwarded-Host", "reef.example"),
    ("X-Forwarded-Proto", "https"),
];

#[tokio::test(flavor = "multi_thread")]
async fn sandbox_through_proxy_returns_403() {
    let app = App::start().await;
    let remote = App::start_with(&[("SANDBOX_ALLOW_REMOTE", "true"), ("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let trusting = App::start_with(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    for path in [
        "/sandbox",
        "/sandbox/",
        "/sandbox/mail/",
        "/sandbox/requests",
        "/sandbox/nothing",
        "/sandbox/polar/v1/orders/",
    ] {
        for (name, value) in FORWARDING {
            let status = async |app: &App| {
                app.http.get(app.url(path)).header(name, value).send().await.unwrap().status().as_u16()
            };
            assert_eq!((status(&app).await, status(&trusting).await), (403, 403), "{path} {name}");
            assert_ne!(status(&remote).await, 403, "{path} {name}");
        }
        assert_ne!(app.http.get(app.url(path)).send().await.unwrap().status(), 403, "{path}");
    }
    // Without a sandbox, its paths do not exist.
    let off = App::start_with(&[("SANDBOX", "false")]).await;
    let nothing =
        off.http.get(off.url("/sandbox/")).header("X-Forwarded-For", "203.0.113.7").send().await.unwrap();
    assert_eq!(nothing.status(), 404);
    // The rest of Reef may be behind a proxy.
    let page =
        app.http.get(app.url("/signin")).header("X-Forwarded-For", "203.0.113.7").send().await.unwrap();
    assert_eq!(page.status(), 200);
}

#[tokio::test]
async fn sandbox_on_public_address_does_not_start() {
    for (name, value) in [("PUBLIC_URL", "https://reef.example"), ("BIND_ADDR", "0.0.0.0:0")] {
        let error = Installation::new(&[(name, value)]).fails(&["serve"]);
        assert!(error.contains(name) && error.contains("SANDBOX_ALLOW_REMOTE=true"), "{error}");
    }
    for option in ["--bind=0.0.0.0:0", "--smtp-bind=0.0.0.0:0", "--public-url=https://reef.example"] {
        let error = Installation::new(&[]).fails(&["sandbox", option]);
        assert!(error.contains("SANDBOX_ALLOW_REMOTE=true"), "{option}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_require_loopback_or_token() {
    let get = async |app: &App, token: &str, header: Option<(&str, &str)>| {
        let mut request = app.http.get(app.url("/metrics"));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        request.send().await.unwrap().status().as_u16()
    };
    let open = App::start_with(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let closed = App::start_with(&[("METRICS_TOKEN", "a-token")]).await;
    assert_eq!((get(&open, "", None).await, get(&open, "any", None).await), (200, 200));
    assert_eq!((get(&closed, "", None).await, get(&closed, "other", None).await), (401, 401));
    assert_eq!(get(&closed, "a-token", None).await, 200);
    for header in FORWARDING {
        assert_eq!(get(&open, "", Some(header)).await, 404, "{header:?}");
        assert_eq!(get(&closed, "a-token", Some(header)).await, 200, "{header:?}");
        assert_eq!(get(&closed, "", Some(header)).await, 401, "{header:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn security_txt_names_contact() {
    let vars = [
        ("SECURITY_CONTACT", "security@reef.example"),
        ("PUBLIC_URL", "https://reef.example"),
        ("SANDBOX_ALLOW_REMOTE", "true"),
    ];
    let app = App::start_with(&vars).await;
    let answer = app.http.get(app.url("/.well-known/security.txt")).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"text/plain; charset=utf-8".parse().unwrap())
    );
    let text = answer.text().await.unwrap();
    let field = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap().to_owned()
    };
    assert_eq!(field("Contact"), "mailto:security@reef.example");
    assert_eq!(field("Canonical"), "https://reef.example/.well-known/security.txt");
    let expires = Timestamp::parse(&field("Expires")).expect("the time is invalid");
    let days = expires.since(app.services.now()).as_secs() / 86_400;
    assert!((30..366).contains(&days), "{days}");
    let without = App::start().await;
    assert_eq!(
        without.http.get(without.url("/.well-known/security.txt")).send().await.unwrap().status(),
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn https_responses_have_hsts() {
    let app =
        App::start_with(&[("PUBLIC_URL", "https://reef.example"), ("SANDBOX_ALLOW_REMOTE", "true")]).await;
    for path in ["/", "/signin", "/api/v1/me", "/healthz", "/nothing", "/sandbox/"] {
        let answer = app.http.get(app.url(path)).send().await.unwrap();
        let rule = answer.headers().get(STRICT_TRANSPORT_SECURITY).map(|rule| rule.to_str().unwrap());
        let age = rule.and_then(|rule| rule.strip_prefix("max-age=")?.split(';').next()?.parse::<u64>().ok());
        assert!(age.is_some_and(|age| age >= 31_536_000), "{path}: {rule:?}");
    }
    let plain = App::start().await;
    let answer = plain.http.get(plain.url("/")).send().await.unwrap();
    assert!(!answer.headers().contains_key(STRICT_TRANSPORT_SECURITY));
}

#[tokio::test]
async fn files_are_private_with_any_umask() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;
    let installation = Installation::new(&[]);
    let data = installation.folder.path().join("data");
    let reef = env!("CARGO_BIN_EXE_reef");
    let run = |command: &str| {
        let script = format!("umask 000; exec {reef} {command}");
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &script]).current_dir(installation.folder.path()).env_clear();
        shell.envs(installation.vars.iter().map(|(name, value)| (name, value)));
        shell
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("could not start the process")
    };
    let modes = || {
        let mut modes: Vec<_> = std::fs::read_dir(&data)
            .unwrap()
            .map(|file| {
                let file = file.unwrap();
                (
                    file.file_name().into_string().unwrap(),
                    file.metadata().unwrap().permissions().mode() & 0o7777,
                )
            })
            .collect();
        modes.sort();
        modes.push((".".to_owned(), data.metadata().unwrap().permissions().mode() & 0o7777));
        modes
    };
    let expected: Vec<_> = [
        ("reef.db", 0o600),
        ("reef.db-shm", 0o600),
        ("reef.db-wal", 0o600),
        ("sandbox.db", 0o600),
        ("sandbox.db-shm", 0o600),
        ("sandbox.db-wal", 0o600),
        ("secret.key", 0o600),
        (".", 0o700),
    ]
    .map(|(name, mode)| (name.to_owned(), mode))
    .into();
    for round in 0..2 {
        let mut process = run("serve");
        let url = format!("http://127.0.0.1:{}/readyz", installation.port);
        crate::support::eventually("the process to answer", async || {
            crate::client::http_client().get(&url).send().await.ok().filter(|answer| answer.status() == 200)
        })
        .await;
        assert_eq!(modes(), expected, "{round}");
        let mut backup = run(&format!("backup {}/data/copy.db", installation.folder.path().display()));
        assert!(backup.wait().unwrap().success());
        let copy = data.join("copy.db");
        assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
        std::fs::remove_file(copy).unwrap();
        // The process is killed, so that SQLite's `-shm` and `-wal` files remain.
        process.kill().unwrap();
        process.wait().unwrap();
        for (name, _) in modes() {
            set_permissions(
                data.join(&name),
                Permissions::from_mode(if name == "." { 0o755 } else { 0o644 }),
            )
            .unwrap();
        }
    }
}
