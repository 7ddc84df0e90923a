use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use reef_ports::{CallbackError, CallbackRequest, CallbackSender};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::stub::{Answer, Stub, answer, unused_url};
use crate::address_guard::GuardedResolver;
use crate::{HostOverrides, Http, HttpCallbackSender};

fn callback_request(url: &str) -> CallbackRequest {
    CallbackRequest {
        url: url.to_owned(),
        id: "msg_1".to_owned(),
        timestamp: 1_767_225_600,
        signature: "v1,abc v1,def".to_owned(),
        body: r#"{"type":"x"}"#.to_owned(),
    }
}

/// A resolver that returns the next list of addresses at each call, and repeats the last one.
struct ChangingResolver {
    lists: Vec<Vec<IpAddr>>,
    calls: AtomicUsize,
}

impl ChangingResolver {
    fn new(lists: &[&[&str]]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self { lists: lists.iter().map(parse).collect(), calls: AtomicUsize::new(0) })
    }
}

impl Resolve for ChangingResolver {
    fn resolve(&self, _: Name) -> Resolving {
        let turn = self.calls.fetch_add(1, Ordering::SeqCst).min(self.lists.len() - 1);
        let found: Vec<_> = self.lists[turn].iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
        Box::pin(async move { Ok(Box::new(found.into_iter()) as Addrs) })
    }
}

fn sender(overrides: &str, resolver: Arc<dyn Resolve>) -> HttpCallbackSender {
    let overrides = HostOverrides::parse(overrides).unwrap();
    HttpCallbackSender::with_resolver(Http::new().unwrap(), overrides, resolver, Duration::from_millis(500))
        .unwrap()
}

/// Sends one webhook to an overridden host that gives this answer.
async fn send_overridden(answer: Answer) -> (Result<u16, CallbackError>, Stub) {
    let stub = Stub::start([answer]).await;
    let sender = sender(&format!("hooks.example.com={}/in", stub.url), ChangingResolver::new(&[&[]]));
    let sent = sender.send(&callback_request("https://hooks.example.com:8443/reef?x=1")).await;
    (sent, stub)
}

#[tokio::test]
async fn webhook_arrives_as_signed() {
    let (status, stub) = send_overridden(answer(204, "")).await;
    assert_eq!(status, Ok(204));
    let sent = stub.drain_requests().remove(0);
    assert_eq!(sent.line(), "POST /in/reef?x=1");
    assert_eq!(sent.body, br#"{"type":"x"}"#);
    for (name, value) in [
        ("host", "hooks.example.com:8443"),
        ("content-type", "application/json"),
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", "1767225600"),
        ("webhook-signature", "v1,abc v1,def"),
        ("user-agent", concat!("reef/", env!("CARGO_PKG_VERSION"))),
    ] {
        assert_eq!(sent.header(name), value, "{name}");
    }
}

#[tokio::test]
async fn any_status_is_returned_without_body() {
    for status in [200, 410, 500] {
        assert_eq!(send_overridden(answer(status, "x".repeat(1_000_000))).await.0, Ok(status));
    }
}

#[tokio::test]
async fn slow_body_is_not_read() {
    let drip = async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nx").await.unwrap();
            std::future::pending::<()>().await;
        });
        (address, served)
    };
    let (address, served) = drip.await;
    let sender = sender(&format!("h.example.com=http://{address}"), ChangingResolver::new(&[&[]]));
    let sent = tokio::time::timeout(
        Duration::from_millis(300),
        sender.send(&callback_request("https://h.example.com/")),
    )
    .await;
    assert_eq!(sent, Ok(Ok(200)));
    served.abort();
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = Stub::start([answer(200, "")]).await;
    let (status, _) = send_overridden(answer(307, "").with("location", target.url.clone())).await;
    assert_eq!(status, Ok(307));
    assert!(target.drain_requests().is_empty());
}

#[tokio::test]
async fn timeout_and_refused_connection_differ() {
    assert_eq!(
        send_overridden(answer(200, "").after(Duration::from_secs(5))).await.0,
        Err(CallbackError::Timeout)
    );
    let sender = sender(&format!("h.example.com={}", unused_url().await), ChangingResolver::new(&[&[]]));
    assert_eq!(
        sender.send(&callback_request("https://h.example.com/")).await,
        Err(CallbackError::Connection)
    );
}

#[tokio::test]
async fn name_with_private_address_is_rejected() {
    let resolver = ChangingResolver::new(&[&["127.0.0.1"], &["10.0.0.1"], &["::1"]]);
    let refusing = sender("", resolver.clone());
    for _ in 0..3 {
        let sent = refusing.send(&callback_request("https://rebound.example.com/")).await;
        assert_eq!(sent, Err(CallbackError::AddressRefused));
    }
    assert_eq!(resolver.calls.load(Ordering::SeqCst), 3);
    let mixed = sender("", ChangingResolver::new(&[&["93.184.216.34", "127.0.0.1"]]));
    let sent = mixed.send(&callback_request("https://mixed.example.com/")).await;
    assert_eq!(sent, Err(CallbackError::AddressRefused));
}

#[tokio::test]
async fn rebound_name_is_checked_again() {
    let guarded = GuardedResolver(ChangingResolver::new(&[&["93.184.216.34"], &["127.0.0.1"]]));
    let resolve = || guarded.resolve("rebinding.example.com".parse().unwrap());
    assert!(resolve().await.is_ok());
    assert!(resolve().await.is_err());
}

#[tokio::test]
async fn private_literal_or_plain_http_is_rejected_unresolved() {
    let resolver = ChangingResolver::new(&[&["93.184.216.34"]]);
    let sender = sender("", resolver.clone());
    for url in [
        "https://127.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://0x7f000001/",
        "https://169.254.169.254/",
    ] {
        assert_eq!(sender.send(&callback_request(url)).await, Err(CallbackError::AddressRefused), "{url}");
    }
    assert_eq!(sender.send(&callback_request("http://example.com/")).await, Err(CallbackError::Connection));
    assert_eq!(resolver.calls.load(Ordering::SeqCst), 0);
}
