//! Two replicas on one PostgreSQL database: changes reach the other replica, and it continues work that the first one leaves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

use crate::callbacks::Receiver;
use crate::client::{ASSISTANTS, Client};
use crate::postgres::TestDatabase;
use crate::process::{Installation, Process, free_port};
use crate::support::{activation, bot_token, eventually, merged};

/// How long a change may take to reach the other replica.
const PROPAGATION_MAX: Duration = Duration::from_secs(1);

/// A sandbox in a separate process, a database, and two installations of Reef that share both.
struct ReplicaPair {
    a: Installation,
    b: Installation,
    sandbox_url: String,
    key: String,
    receiver: Receiver,
    _sandbox: Process,
    _folder: TempDir,
    _database: TestDatabase,
}

impl ReplicaPair {
    /// `through` maps PostgreSQL's address to the one that A connects to; B connects directly.
    async fn new(through: impl AsyncFnOnce(SocketAddr) -> SocketAddr) -> Self {
        let database = TestDatabase::create().await;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let (world, bind) = (format!("http://127.0.0.1:{port}"), format!("127.0.0.1:{port}"));
        let args = ["sandbox", "--bind", &bind, "--database", "world.db"];
        let sandbox = Process::start(folder.path(), &args, &[], &world, "/sandbox/").await;
        let printed = std::fs::read_to_string(folder.path().join("out")).unwrap();
        let (receiver, target) = Receiver::start(&[]).await;
        let mut url = Url::parse(&database.url).unwrap();
        let mut vars: Vec<(String, String)> = printed
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        for (name, value) in &mut vars {
            if name == "CALLBACK_OVERRIDES" {
                *value = format!("{value},{target}");
            }
        }
        let b = free_port();
        for (name, value) in [
            ("SECRET_KEY", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="),
            ("RATE_LIMIT_PER_MINUTE", "1000000"),
            // Webhooks go to B, because the tests stop A.
            ("PUBLIC_URL", &format!("http://127.0.0.1:{b}")),
        ] {
            vars.push((name.to_owned(), value.to_owned()));
        }
        let install = |url: &Url, port: u16| {
            let mut vars = vars.clone();
            vars.push(("DATABASE_URL".to_owned(), url.to_string()));
            vars.push(("BIND_ADDR".to_owned(), format!("127.0.0.1:{port}")));
            Installation { folder: tempfile::tempdir().unwrap(), port, vars }
        };
        let b = install(&url, b);
        let server = SocketAddr::from(([127, 0, 0, 1], url.port().unwrap_or(5432)));
        url.set_port(Some(through(server).await.port())).unwrap();
        let a = install(&url, free_port());
        let key = b.customer();
        Self {
            a,
            b,
            sandbox_url: world,
            key,
            receiver,
            _sandbox: sandbox,
            _folder: folder,
            _database: database,
        }
    }

    async fn direct() -> Self {
        Self::new(async |server| server).await
    }

    async fn faults(&self, process: &Process, faults: Value) {
        let put = process.http.put(format!("{}/sandbox/faults", self.sandbox_url)).json(&faults).send().await;
        assert_eq!(put.unwrap().status(), 200);
    }

    /// Buys and pays for a slot, and returns its path.
    async fn slot(&self, client: &Client) -> String {
        let bought = client.send("POST", "/purchase", json!({"apiMode": "byok"})).await.data(201);
        let pay = format!("{}/pay", bought["checkoutUrl"].as_str().unwrap());
        assert_eq!(client.http.post(pay).send().await.unwrap().status(), 303);
        let path = format!("/{}", bought["deploymentId"].as_str().unwrap());
        until(client, &path, "purchased").await;
        path
    }

    /// Activates an assistant whose callbacks go to the receiver.
    async fn activate(&self, client: &Client, path: &str) {
        let body = merged(activation(&bot_token("ok")), json!({"callbackUrl": "https://hooks.test/pair"}));
        client.ok("POST", &format!("{path}/activate"), body).await;
    }
}

async fn until(client: &Client, path: &str, status: &str) -> Value {
    eventually(&format!("status {status}"), async || {
        Some(client.get(path).await).filter(|record| record["status"] == status)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_reach_other_replica_within_a_second() {
    let pair = ReplicaPair::direct().await;
    let (on_a, on_b) = (pair.a.serve().await, pair.b.serve().await);
    let (a, b) = (on_a.client(&pair.key), on_b.client(&pair.key));
    let path = pair.slot(&a).await;
    pair.activate(&a, &path).await;
    until(&b, &path, "active").await;

    // A stream and a long poll on B receive a change that was made through A.
    let request =
        b.request("GET", &format!("{ASSISTANTS}{path}/events")).header("Accept", "text/event-stream");
    let mut stream = request.send().await.unwrap();
    let waiting = tokio::spawn({
        let (b, path) = (b.clone(), format!("{path}/status?wait=30"));
        async move { (b.get(&path).await, Instant::now()) }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    a.ok("POST", &format!("{path}/stop"), Value::Null).await;
    let stopped = Instant::now();
    let received = tokio::time::timeout(PROPAGATION_MAX, async {
        let mut text = String::new();
        while !text.contains("\"stopped\"") {
            text.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
        }
    });
    received.await.expect("the stream on B did not receive the change in time");
    let (seen, at) = waiting.await.unwrap();
    assert_eq!(seen["status"], "stopped");
    assert!(at.saturating_duration_since(stopped) < PROPAGATION_MAX, "the long poll on B was too slow");

    // An idempotency key holds on both replicas.
    let send = async |client: &Client| {
        let request =
            client.request("POST", &format!("{ASSISTANTS}/purchase")).header("Idempotency-Key", "pair-1");
        let answer = request.json(&json!({"apiMode": "byok"})).send().await.unwrap();
        let replayed = answer.headers().contains_key("idempotency-replayed");
        (answer.status().as_u16(), replayed, answer.text().await.unwrap())
    };
    let (first, again) = (send(&a).await, send(&b).await);
    assert_eq!((first.0, first.1, again.0, again.1), (201, false, 201, true));
    assert_eq!(first.2, again.2);

    // Of two concurrent requests one succeeds.
    let redeploy = format!("{path}/redeploy");
    let (one, other) =
        tokio::join!(a.send("POST", &redeploy, Value::Null), b.send("POST", &redeploy, Value::Null));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);

    // A key that was revoked on A stops working on B, and its open requests there end although the assistant does not
    // change.
    until(&b, &path, "active").await;
    let request =
        b.request("GET", &format!("{ASSISTANTS}{path}/events")).header("Accept", "text/event-stream");
    let stream = request.send().await.unwrap();
    let waiting = tokio::spawn(b.request("GET", &format!("{ASSISTANTS}{path}/status?wait=30")).send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    pair.a.ok(&["key", "revoke", "--key-stdin"], &format!("{}\n", pair.key));
    let revoked = Instant::now();
    while b.send("GET", "", Value::Null).await.status != 401 {
        assert!(revoked.elapsed() < PROPAGATION_MAX);
    }
    let left = || PROPAGATION_MAX.saturating_sub(revoked.elapsed());
    tokio::time::timeout(left(), stream.text()).await.expect("the stream on B did not end").unwrap();
    let waited =
        tokio::time::timeout(left(), waiting).await.expect("the long poll on B did not end").unwrap();
    assert_eq!(waited.unwrap().status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn deployment_of_killed_replica_is_completed_once() {
    let pair = ReplicaPair::direct().await;
    let mut on_a = pair.a.serve().await;
    let a = on_a.client(&pair.key);
    // Polar's webhooks go to B.
    let on_b = pair.b.serve().await;
    let path = pair.slot(&a).await;
    drop(on_b);
    pair.faults(&on_a, json!([{"path": "*/setWebhook", "delayMs": 5000}])).await;
    pair.activate(&a, &path).await;
    eventually("the deployment to be under way", async || {
        let url = format!("{}/sandbox/requests?vendor=telegram", pair.sandbox_url);
        let calls: Value = on_a.http.get(url).send().await.ok()?.json().await.ok()?;
        let mut calls = calls["data"].as_array()?.iter();
        calls
            .any(|call| call["path"].as_str().is_some_and(|path| path.ends_with("/setWebhook")))
            .then_some(())
    })
    .await;
    on_a.kill();
    let on_b = pair.b.serve().await;
    until(&on_b.client(&pair.key), &path, "active").await;
    let bodies = pair.receiver.bodies(2).await;
    let statuses: Vec<_> = bodies.iter().map(|body| body["data"]["status"].clone()).collect();
    assert_eq!(statuses, ["deploying", "active"], "each callback is sent once");
}

/// Forwards connections to PostgreSQL until it is cut. Then it forwards nothing, not even the end of a connection, like a
/// network cable that was cut.
struct CuttableConnection {
    is_cut: Arc<AtomicBool>,
}

impl CuttableConnection {
    async fn to(server: SocketAddr) -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let is_cut = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_cut);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let flag = Arc::clone(&flag);
                tokio::spawn(async move {
                    let Ok(far) = TcpStream::connect(server).await else { return };
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    tokio::join!(forward(near_in, far_out, &flag), forward(far_in, near_out, &flag));
                });
            }
        });
        (Self { is_cut }, address)
    }

    fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
    }
}

async fn forward(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    is_cut: &AtomicBool,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        while is_cut.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

/// `REEF_CUT_SECS` sets the length of the interruption.
#[tokio::test(flavor = "multi_thread")]
async fn replica_without_database_fails_and_recovers() {
    let seconds = std::env::var("REEF_CUT_SECS").ok().and_then(|text| text.parse().ok()).unwrap_or(14);
    let mut cable = None;
    let pair = ReplicaPair::new(async |server| {
        let (made, address) = CuttableConnection::to(server).await;
        cable = Some(made);
        address
    })
    .await;
    let cable = cable.unwrap();
    let on_b = pair.b.serve().await;
    let b = on_b.client(&pair.key);
    let path = pair.slot(&b).await;
    drop(on_b);
    // A alone runs the deployment and loses its connection in the middle of it.
    let on_a = pair.a.serve().await;
    let a = on_a.client(&pair.key);
    pair.faults(&on_a, json!([{"path": "*/setWebhook", "delayMs": 3000}])).await;
    pair.activate(&a, &path).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    cable.cut(true);
    let cut = Instant::now();
    let on_b = pair.b.serve().await;

    while cut.elapsed() < Duration::from_secs(seconds) {
        let asked = Instant::now();
        let request = a.request("GET", ASSISTANTS).timeout(Duration::from_secs(20));
        let answer = request.send().await.expect("A did not respond without the database");
        assert!(matches!(answer.status().as_u16(), 500 | 503), "{}", answer.status());
        assert!(asked.elapsed() < Duration::from_secs(13), "A is quick to say so: {:?}", asked.elapsed());
        let ready = on_a.http.get(format!("{}/readyz", on_a.base)).send().await.unwrap();
        assert_eq!(ready.status(), 503);
    }
    // B has completed the deployment that A started.
    until(&on_b.client(&pair.key), &path, "active").await;
    cable.cut(false);
    let healed = Instant::now();
    eventually("A to recover", async || {
        let answer = on_a.http.get(format!("{}/readyz", on_a.base)).send().await.ok()?;
        (answer.status() == 200).then_some(())
    })
    .await;
    eventually("A to answer", async || (a.send("GET", &path, Value::Null).await.status == 200).then_some(()))
        .await;
    // The late result of A is dropped, and A receives changes of B again.
    let waiting = tokio::spawn({
        let (a, path) = (a.clone(), format!("{path}/status?wait=20"));
        async move { a.get(&path).await }
    });
    tokio::time::sleep(Duration::from_secs(8).saturating_sub(healed.elapsed())).await;
    on_b.client(&pair.key).ok("POST", &format!("{path}/stop"), Value::Null).await;
    assert_eq!(waiting.await.unwrap()["status"], "stopped");
    let bodies = pair.receiver.bodies(3).await;
    let statuses: Vec<_> = bodies.iter().map(|body| body["data"]["status"].clone()).collect();
    assert_eq!(statuses, ["deploying", "active", "stopped"], "each callback is sent once");
}

/// Sends each request to the next replica that was ready at the last check, without retries, as load balancers do.
struct Balancer {
    bases: [String; 2],
    ready: [AtomicBool; 2],
    next: AtomicUsize,
    answered: AtomicU64,
}

impl Balancer {
    async fn check_replicas(&self, http: &reqwest::Client) {
        loop {
            for (base, ready) in self.bases.iter().zip(&self.ready) {
                let answer = http.get(format!("{base}/readyz")).send().await;
                ready.store(answer.is_ok_and(|answer| answer.status() == 200), Ordering::SeqCst);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn send_requests(&self, http: &reqwest::Client, key: &str) {
        loop {
            let first = self.next.fetch_add(1, Ordering::SeqCst);
            let chosen =
                (0..2).map(|step| (first + step) % 2).find(|at| self.ready[*at].load(Ordering::SeqCst));
            let base = &self.bases[chosen.expect("no replica was ready")];
            let request = http.get(format!("{base}{ASSISTANTS}")).header("X-API-Key", key);
            let answer = request.send().await.unwrap_or_else(|error| panic!("request failed: {error:?}"));
            assert_eq!(answer.status(), 200, "{base}");
            answer.bytes().await.expect("the response is incomplete");
            self.answered.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rolling_restart_fails_no_request() {
    let pair = ReplicaPair::direct().await;
    let (mut on_a, mut on_b) = (pair.a.serve().await, pair.b.serve().await);
    let balancer = Arc::new(Balancer {
        bases: [on_a.base.clone(), on_b.base.clone()],
        ready: [AtomicBool::new(true), AtomicBool::new(true)],
        next: AtomicUsize::new(0),
        answered: AtomicU64::new(0),
    });
    let mut clients = JoinSet::new();
    for number in 0..5 {
        let (balancer, http, key) = (Arc::clone(&balancer), on_a.http.clone(), pair.key.clone());
        clients.spawn(async move {
            if number == 0 {
                balancer.check_replicas(&http).await;
            } else {
                balancer.send_requests(&http, &key).await;
            }
        });
    }
    let all_is_well = |clients: &mut JoinSet<()>| {
        if let Some(ended) = clients.try_join_next() {
            ended.expect("a client failed");
        }
    };
    for (process, installation, at) in [(&mut on_a, &pair.a, 0), (&mut on_b, &pair.b, 1)] {
        let (code, took) = tokio::task::block_in_place(|| process.terminate());
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(30), "{took:?}");
        all_is_well(&mut clients);
        *process = installation.serve().await;
        eventually("the balancer to notice", async || {
            balancer.ready[at].load(Ordering::SeqCst).then_some(())
        })
        .await;
    }
    all_is_well(&mut clients);
    clients.abort_all();
    assert!(balancer.answered.load(Ordering::SeqCst) > 100);
}
