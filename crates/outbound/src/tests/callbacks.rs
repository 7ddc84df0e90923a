use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use reef_service::ports::{CallbackSender, Outgoing, SendError};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::stub::{Answer, Stub, answer, nobody};
use crate::guard::Guarded;
use crate::{Callbacks, Http, Overrides};

fn outgoing(url: &str) -> Outgoing {
    Outgoing {
        url: url.to_owned(),
        id: "msg_1".to_owned(),
        timestamp: 1_767_225_600,
        signature: "v1,abc v1,def".to_owned(),
        body: r#"{"type":"x"}"#.to_owned(),
    }
}

/// A resolver that returns one list of addresses after the other, and the last one from then on.
struct Changing {
    lists: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Changing {
    fn new(lists: &[&[&str]]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self { lists: lists.iter().map(parse).collect(), asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Changing {
    fn resolve(&self, _: Name) -> Resolving {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst).min(self.lists.len() - 1);
        let found: Vec<_> = self.lists[turn].iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
        Box::pin(async move { Ok(Box::new(found.into_iter()) as Addrs) })
    }
}

fn sender(overrides: &str, resolver: Arc<dyn Resolve>) -> Callbacks {
    let overrides = Overrides::parse(overrides).unwrap();
    Callbacks::with_resolver(Http::new().unwrap(), overrides, resolver, Duration::from_millis(500)).unwrap()
}

/// Sends one webhook to an overridden host that gives this answer.
async fn overridden(answer: Answer) -> (Result<u16, SendError>, Stub) {
    let stub = Stub::start([answer]).await;
    let sender = sender(&format!("hooks.example.com={}/in", stub.url), Changing::new(&[&[]]));
    let sent = sender.send(&outgoing("https://hooks.example.com:8443/reef?x=1")).await;
    (sent, stub)
}

#[tokio::test]
async fn a_callback_arrives_as_it_was_signed() {
    let (status, stub) = overridden(answer(204, "")).await;
    assert_eq!(status, Ok(204));
    let sent = stub.sent().remove(0);
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
async fn any_status_is_an_answer_and_a_long_body_does_not_matter() {
    for status in [200, 410, 500] {
        assert_eq!(overridden(answer(status, "x".repeat(1_000_000))).await.0, Ok(status));
    }
}

#[tokio::test]
async fn a_body_that_drips_holds_nothing_up() {
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
    let sender = sender(&format!("h.example.com=http://{address}"), Changing::new(&[&[]]));
    let sent =
        tokio::time::timeout(Duration::from_millis(300), sender.send(&outgoing("https://h.example.com/")))
            .await;
    assert_eq!(sent, Ok(Ok(200)));
    served.abort();
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = Stub::start([answer(200, "")]).await;
    let (status, _) = overridden(answer(307, "").with("location", target.url.clone())).await;
    assert_eq!(status, Ok(307));
    assert!(target.sent().is_empty());
}

#[tokio::test]
async fn slow_and_absent_receivers_are_told_apart() {
    assert_eq!(overridden(answer(200, "").after(Duration::from_secs(5))).await.0, Err(SendError::Timeout));
    let sender = sender(&format!("h.example.com={}", nobody().await), Changing::new(&[&[]]));
    assert_eq!(sender.send(&outgoing("https://h.example.com/")).await, Err(SendError::Connection));
}

#[tokio::test]
async fn a_name_bound_to_a_private_address_is_refused_every_time_it_is_resolved() {
    let resolver = Changing::new(&[&["127.0.0.1"], &["10.0.0.1"], &["::1"]]);
    let refusing = sender("", resolver.clone());
    for _ in 0..3 {
        let sent = refusing.send(&outgoing("https://rebound.example.com/")).await;
        assert_eq!(sent, Err(SendError::AddressRefused));
    }
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 3);
    let mixed = sender("", Changing::new(&[&["93.184.216.34", "127.0.0.1"]]));
    let sent = mixed.send(&outgoing("https://mixed.example.com/")).await;
    assert_eq!(sent, Err(SendError::AddressRefused));
}

#[tokio::test]
async fn a_name_that_is_bound_anew_is_checked_anew() {
    let guarded = Guarded(Changing::new(&[&["93.184.216.34"], &["127.0.0.1"]]));
    let resolve = || guarded.resolve("rebinding.example.com".parse().unwrap());
    assert!(resolve().await.is_ok());
    assert!(resolve().await.is_err());
}

#[tokio::test]
async fn private_literals_and_plain_http_are_refused_without_asking() {
    let resolver = Changing::new(&[&["93.184.216.34"]]);
    let sender = sender("", resolver.clone());
    for url in [
        "https://127.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://0x7f000001/",
        "https://169.254.169.254/",
    ] {
        assert_eq!(sender.send(&outgoing(url)).await, Err(SendError::AddressRefused), "{url}");
    }
    assert_eq!(sender.send(&outgoing("http://example.com/")).await, Err(SendError::Connection));
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 0);
}
